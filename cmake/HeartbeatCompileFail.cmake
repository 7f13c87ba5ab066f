# SPDX-License-Identifier: BSL-1.0
# A compile-fail test: the source must not compile with HEARTBEAT_COMPILE_FAIL defined, and the compiler must say what the
# comment `// error: <text>` at the guilty line expects; without the macro, as its own twin, the source must compile.
# Read next: tests/compile_fail/check.sh, which does it.

# heartbeat_compile_fail(<source>)
function(heartbeat_compile_fail source)
  cmake_path(GET source STEM name)
  add_test(NAME compile_fail/${name}
           COMMAND bash ${PROJECT_SOURCE_DIR}/tests/compile_fail/check.sh ${source} ${CMAKE_CXX_COMPILER}
                   ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} -I${PROJECT_SOURCE_DIR}/include
                   $<TARGET_PROPERTY:heartbeat_warnings,INTERFACE_COMPILE_OPTIONS>
           COMMAND_EXPAND_LISTS)
  set_tests_properties(compile_fail/${name} PROPERTIES LABELS compile_fail TIMEOUT 60)
endfunction()
