# taskmesh_warnings: what all our own targets are compiled with. Imported targets are SYSTEM, so
# the headers of others stay silent.
add_library(taskmesh_warnings INTERFACE)
target_compile_options(taskmesh_warnings INTERFACE
  -Wall -Wextra -Wpedantic
  -Wcast-align -Wconversion -Wdouble-promotion -Wextra-semi -Wformat=2 -Wimplicit-fallthrough
  -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wshadow -Wsign-conversion -Wunused
  # Options and messages are filled by designated initializers; what is not named has its default.
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
  $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
  # g++ 12 sees overlap in plain std::string concatenation (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(TASKMESH_SANITIZE OR TASKMESH_COVERAGE)
  # Instrumented code defeats g++'s flow analysis; the plain presets keep the warning.
  target_compile_options(taskmesh_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(TASKMESH_WERROR)
  target_compile_options(taskmesh_warnings INTERFACE -Werror)
endif()
