# BUILD_TESTING=OFF must configure where no test package is installed.
include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")
file(REMOVE_RECURSE "${WORK_DIR}")
step("configure without Catch2" "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" -DBUILD_TESTING=OFF -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON)

# And a package that is missing is named, with the way to get it.
file(REMOVE_RECURSE "${WORK_DIR}")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "configured although Catch2 and spdlog are missing")
endif()
foreach(word IN ITEMS "catch2" "libspdlog-dev" "tools/setup --tests")
  string(FIND "${output}" "${word}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the message about missing packages does not name '${word}':\n${output}")
  endif()
endforeach()
