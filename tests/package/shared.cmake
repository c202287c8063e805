# The library as a shared object: builds, installs, and its consumer needs none of its dependencies.
include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")
file(REMOVE_RECURSE "${WORK_DIR}/prefix")
step("configure" "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" -DBUILD_SHARED_LIBS=ON -DTASKMESH_UNITY=ON -DBUILD_TESTING=OFF -DTASKMESH_BUILD_EXAMPLES=OFF
  -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1 -gz")
step("build" "${CMAKE_COMMAND}" --build "${WORK_DIR}/build" --parallel)
step("install" "${CMAKE_COMMAND}" --install "${WORK_DIR}/build" --prefix "${WORK_DIR}/prefix")
consume("${WORK_DIR}/prefix" "${WORK_DIR}/find_package" OFF)
consume("${WORK_DIR}/prefix" "${WORK_DIR}/pkg-config" ON)
