# Installs the library, its public headers, the package config and the pkg-config file.
include(CMakePackageConfigHelpers)
set(TASKMESH_CONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/taskmesh")

install(TARGETS taskmesh EXPORT taskmeshTargets FILE_SET HEADERS
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(EXPORT taskmeshTargets NAMESPACE taskmesh:: DESTINATION "${TASKMESH_CONFIG_DIR}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/taskmeshConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/cmake/taskmeshConfig.cmake" INSTALL_DESTINATION "${TASKMESH_CONFIG_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/taskmeshConfigVersion.cmake"
  COMPATIBILITY SameMajorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/cmake/taskmeshConfig.cmake"
  "${PROJECT_BINARY_DIR}/cmake/taskmeshConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindSodium.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindZeroMQ.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/taskmesh_modules.cmake"
  DESTINATION "${TASKMESH_CONFIG_DIR}")

# The prefix is relative to the file, so that an installed tree can be moved.
file(RELATIVE_PATH TASKMESH_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
if(BUILD_SHARED_LIBS)
  set(TASKMESH_PC_REQUIRES "")
else()
  # In plain Requires: who links a static taskmesh needs these, and rarely says --static.
  set(TASKMESH_PC_REQUIRES "Requires: libzmq libsodium libcurl spdlog")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/taskmesh.pc.in" "${PROJECT_BINARY_DIR}/cmake/taskmesh.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cmake/taskmesh.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
