# SPDX-License-Identifier: BSL-1.0
# An overlay port out of the repository it stands in: vcpkg install heartbeat --overlay-ports=cmake/packaging/vcpkg
# A feature installs what a component needs; the component itself is made in the user's build, by find_package.
set(VCPKG_BUILD_TYPE release) # headers are the same for debug
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DHEARTBEAT_BUILD_TESTS=OFF -DHEARTBEAT_BUILD_EXAMPLES=OFF -DHEARTBEAT_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()
vcpkg_fixup_pkgconfig()
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
