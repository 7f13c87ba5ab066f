# SPDX-License-Identifier: BSL-1.0
# cmake -DPORT_DIR=… -DPACKAGE=… -DBUILD=… -P run_portfile.cmake: runs the portfile as vcpkg would, with what its
# functions do to this port: into PACKAGE goes what vcpkg would install.
set(CURRENT_PORT_DIR ${PORT_DIR})
set(CURRENT_PACKAGES_DIR ${PACKAGE})
set(PORT heartbeat)

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "vcpkg_cmake_configure does not know ${arg_UNPARSED_ARGUMENTS}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${BUILD} -G Ninja -DCMAKE_BUILD_TYPE=Release
                          -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target install COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_config_fixup) # without CONFIG_PATH the files must be where vcpkg keeps them
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/share/${PORT}/${PORT}Config.cmake)
    message(FATAL_ERROR "'${CURRENT_PACKAGES_DIR}/share/${PORT}' has no ${PORT}Config.cmake")
  endif()
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/share/pkgconfig/${PORT}.pc)
    message(FATAL_ERROR "no ${PORT}.pc")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

include(${PORT_DIR}/portfile.cmake)
if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
  message(FATAL_ERROR "without a debug build vcpkg complains that one is missing")
endif()
