include("${CMAKE_CURRENT_LIST_DIR}/steps.cmake")
consume("${PREFIX}" "${WORK_DIR}" "${USE_PKG_CONFIG}")
