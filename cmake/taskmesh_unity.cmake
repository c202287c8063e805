# taskmesh_unity(<target>): with TASKMESH_UNITY, its files are compiled so many at a time. What they share is then read once,
# and names in their unnamed namespaces must differ. For builds that are made from nothing each time; a build file by
# file rebuilds less, and is the one that warns.
function(taskmesh_unity target)
  if(NOT TASKMESH_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  target_compile_options(${target} PRIVATE -w)
endfunction()
