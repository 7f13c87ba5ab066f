# SPDX-License-Identifier: BSL-1.0
# A compile-fail test: the source must not compile with HEARTBEAT_COMPILE_FAIL defined, and the compiler must say what the
# comment `// error: <text>` at the guilty line expects; without the macro, as its own twin, the source must compile.
# Read next: tests/compile_fail/check.sh, which does it.

# The library's headers, compiled once for all of them by a test that the others require: most of what each would take.
# A source that pretends to have another standard library (#undef) must read them itself.
set(heartbeat_compile_fail_flags ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} -I${PROJECT_SOURCE_DIR}/include
    $<TARGET_PROPERTY:heartbeat_warnings,INTERFACE_COMPILE_OPTIONS>)
set(heartbeat_compile_fail_header ${CMAKE_CURRENT_BINARY_DIR}/heartbeat_precompiled.hpp)
file(WRITE ${heartbeat_compile_fail_header} "#include <heartbeat/heartbeat.hpp>\n")
add_test(NAME compile_fail/precompiled
         COMMAND ${CMAKE_CXX_COMPILER} ${heartbeat_compile_fail_flags} -x c++-header ${heartbeat_compile_fail_header}
                 -o ${heartbeat_compile_fail_header}.gch # where clang looks too
         COMMAND_EXPAND_LISTS)
set_tests_properties(compile_fail/precompiled PROPERTIES LABELS compile_fail TIMEOUT 60 COST 50
                     FIXTURES_SETUP heartbeat_precompiled)

# heartbeat_compile_fail(<source>)
function(heartbeat_compile_fail source)
  cmake_path(GET source STEM name)
  file(STRINGS ${source} pretends REGEX "^#undef")
  set(precompiled "")
  if(NOT pretends)
    set(precompiled -Winvalid-pch -include ${heartbeat_compile_fail_header})
  endif()
  add_test(NAME compile_fail/${name}
           COMMAND bash ${PROJECT_SOURCE_DIR}/tests/compile_fail/check.sh ${source} ${CMAKE_CXX_COMPILER}
                   ${heartbeat_compile_fail_flags} ${precompiled}
           COMMAND_EXPAND_LISTS)
  set_tests_properties(compile_fail/${name} PROPERTIES LABELS compile_fail TIMEOUT 60
                       FIXTURES_REQUIRED heartbeat_precompiled)
endfunction()
