# Finds libzmq and its C++ header: targets ZeroMQ::libzmq, ZeroMQ::cppzmq (header only).
# Debian ships libzmq without a CMake package. Installed beside the package config, because a static
# taskmesh needs libzmq when its user links. zmq.hpp is asked for only where taskmesh itself is built.
find_path(ZeroMQ_INCLUDE_DIR zmq.h)
find_path(ZeroMQ_CPP_INCLUDE_DIR zmq.hpp)
find_library(ZeroMQ_LIBRARY zmq)
mark_as_advanced(ZeroMQ_INCLUDE_DIR ZeroMQ_CPP_INCLUDE_DIR ZeroMQ_LIBRARY)

include(FindPackageHandleStandardArgs)
if(ZeroMQ_LIBRARY_ONLY)
  find_package_handle_standard_args(ZeroMQ REQUIRED_VARS ZeroMQ_LIBRARY)
else()
  find_package_handle_standard_args(ZeroMQ REQUIRED_VARS ZeroMQ_LIBRARY ZeroMQ_INCLUDE_DIR ZeroMQ_CPP_INCLUDE_DIR)
endif()

if(ZeroMQ_FOUND AND NOT TARGET ZeroMQ::libzmq)
  add_library(ZeroMQ::libzmq UNKNOWN IMPORTED)
  set_target_properties(ZeroMQ::libzmq PROPERTIES IMPORTED_LOCATION "${ZeroMQ_LIBRARY}")
  if(ZeroMQ_INCLUDE_DIR)
    target_include_directories(ZeroMQ::libzmq INTERFACE "${ZeroMQ_INCLUDE_DIR}")
  endif()
endif()
if(ZeroMQ_FOUND AND ZeroMQ_CPP_INCLUDE_DIR AND NOT TARGET ZeroMQ::cppzmq)
  add_library(ZeroMQ::cppzmq INTERFACE IMPORTED)
  target_include_directories(ZeroMQ::cppzmq INTERFACE "${ZeroMQ_CPP_INCLUDE_DIR}")
  target_link_libraries(ZeroMQ::cppzmq INTERFACE ZeroMQ::libzmq)
endif()
