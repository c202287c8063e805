# Finds libsodium: target Sodium::sodium. Debian ships it without a CMake package. Installed beside the package config,
# because a static taskmesh needs libsodium when its user links; sodium.h is asked for only where taskmesh is built.
find_path(Sodium_INCLUDE_DIR sodium.h)
find_library(Sodium_LIBRARY sodium)
mark_as_advanced(Sodium_INCLUDE_DIR Sodium_LIBRARY)

include(FindPackageHandleStandardArgs)
if(Sodium_LIBRARY_ONLY)
  find_package_handle_standard_args(Sodium REQUIRED_VARS Sodium_LIBRARY)
else()
  find_package_handle_standard_args(Sodium REQUIRED_VARS Sodium_LIBRARY Sodium_INCLUDE_DIR)
endif()

if(Sodium_FOUND AND NOT TARGET Sodium::sodium)
  add_library(Sodium::sodium UNKNOWN IMPORTED)
  set_target_properties(Sodium::sodium PROPERTIES IMPORTED_LOCATION "${Sodium_LIBRARY}")
  if(Sodium_INCLUDE_DIR)
    target_include_directories(Sodium::sodium INTERFACE "${Sodium_INCLUDE_DIR}")
  endif()
endif()
