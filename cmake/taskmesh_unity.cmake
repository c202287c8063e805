# taskmesh_unity(<target>): with TASKMESH_UNITY, its files are compiled so many at a time. What they share is then read once,
# and names in their unnamed namespaces must differ. For builds that are made from nothing each time; a build file by
# file rebuilds less.
function(taskmesh_unity target)
  if(NOT TASKMESH_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  if(TASKMESH_SANITIZE)
    target_compile_options(${target} PRIVATE -w) # What sanitizers add is warned about too.
  else() # A class hidden in its .cpp has members of types hidden there.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()
