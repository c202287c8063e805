# Uses ccache when it is installed and the caller chose no launcher.
find_program(TASKMESH_CCACHE ccache)
mark_as_advanced(TASKMESH_CCACHE)
if(TASKMESH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache asks for when a precompiled header is in play (tests/ has one).
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${TASKMESH_CCACHE}")
endif()
