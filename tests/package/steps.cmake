# step(<what> COMMAND...): runs a command, or says what failed, with its output.
function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${what} failed (${result})\n${command}\n${output}")
  endif()
  message(STATUS "${what}: done")
endfunction()

# Configures, builds and runs the consumer against `prefix` in `folder`.
function(consume prefix folder use_pkg_config)
  file(REMOVE_RECURSE "${folder}")
  file(GLOB_RECURSE pc "${prefix}/*/taskmesh.pc")
  get_filename_component(pc_folder "${pc}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} "${pc_folder}")
  step("configure the consumer" "${CMAKE_COMMAND}" -S "${SOURCE_DIR}/tests/package/consumer" -B "${folder}"
    -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}"
    "-DEXPECTED_VERSION=${VERSION}" "-DUSE_PKG_CONFIG=${use_pkg_config}")
  step("build the consumer" "${CMAKE_COMMAND}" --build "${folder}")
  file(MAKE_DIRECTORY "${folder}/run")
  file(CHMOD "${folder}/run" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  set(ENV{XDG_RUNTIME_DIR} "${folder}/run")
  set(ENV{TASKMESH_MESH} "package")
  get_filename_component(lib_folder "${pc_folder}" DIRECTORY)
  set(ENV{LD_LIBRARY_PATH} "${lib_folder}") # pkg-config sets no rpath
  step("run the consumer" "${folder}/consumer")
  step("serve the consumer's task module" "${SOURCE_DIR}/tests/package/serve_module"
    "${prefix}/bin/taskmesh" "${folder}/consumer_module.so")
endfunction()
