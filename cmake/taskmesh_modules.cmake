# taskmesh_add_module(<name> SOURCES <file>... [LIBRARIES <target>...])
# Builds <name>.so for `taskmesh worker --tasks <name>.so`. Part of the installed package.
#
# A module calls the taskmesh of the worker that loads it and has none of its own, so a static library gives it
# headers only; a shared one is linked, which is the same one that the worker has.
function(taskmesh_add_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "it is written taskmesh_add_module(<name> SOURCES <file>... [LIBRARIES <target>...])")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "")
  target_compile_features(${name} PRIVATE cxx_std_20)
  get_target_property(kind taskmesh::taskmesh TYPE)
  if(kind STREQUAL "SHARED_LIBRARY")
    target_link_libraries(${name} PRIVATE taskmesh::taskmesh)
  else()
    target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:taskmesh::taskmesh,INTERFACE_INCLUDE_DIRECTORIES>)
    target_link_libraries(${name} PRIVATE Threads::Threads cereal::cereal tl::expected)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
endfunction()
