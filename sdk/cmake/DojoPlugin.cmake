# dojo_add_plugin(NAME SOURCES…): a plugin for dojo-host, <NAME>.so, where CMake puts such things, or in the folder
# DOJO_PLUGIN_OUTPUT_DIRECTORY if that is set.
#
# What it takes care of, so that a plugin can be replaced while the host runs:
#   -fno-gnu-unique and a version script: only `dojo_plugin_entry` is visible, and dlclose() really unloads
#   -z defs, -z now: a missing symbol is found when it is built, or when it is loaded, never in the middle of a request
function(dojo_add_plugin name)
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE dojo::sdk)
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${exports})
  if(DOJO_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${DOJO_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  if(CMAKE_CXX_COMPILER_LOADED)  # a project may be in C alone
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
  target_link_options(${name} PRIVATE LINKER:--version-script=${exports} LINKER:-z,now LINKER:--as-needed)
  # The sanitizers' runtime is the program's, and undefined in a shared object.
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  get_directory_property(options COMPILE_OPTIONS)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}} ${options}")
  if(NOT flags MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()
