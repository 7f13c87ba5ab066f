# SPDX-License-Identifier: BSL-1.0
"""A recipe for Conan 2 out of the repository it stands in: conan create cmake/packaging/conan -o '&:typedb=True'.
An option brings what a component needs; the component itself is made in the user's build, by find_package."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy, load

GRPC_COMPONENTS = ("typedb", "etcd", "grpc_health")


class HeartbeatConan(ConanFile):
    name = "heartbeat"
    description = "Keeps many sessions alive: a header-only C++20 library"
    license = "BSL-1.0"
    topics = ("heartbeat", "session", "lease", "keepalive", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {name: [True, False] for name in (*GRPC_COMPONENTS, "asio")}
    default_options = {name: False for name in (*GRPC_COMPONENTS, "asio")}
    no_copy_source = True

    def _chosen(self, *components):
        return [component for component in components if self.options.get_safe(component)]

    def set_version(self):
        cmake = load(self, os.path.join(self.recipe_folder, "..", "..", "..", "CMakeLists.txt"))
        self.version = re.search(r"project\(heartbeat VERSION ([0-9.]+)", cmake).group(1)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def requirements(self):
        if self._chosen(*GRPC_COMPONENTS):
            self.requires("grpc/[>=1.50 <2]", transitive_headers=True, transitive_libs=True)
            self.requires("protobuf/[>=3.21]", transitive_headers=True, transitive_libs=True)
        if self._chosen("asio"):
            self.requires("boost/[>=1.74 <2]", transitive_headers=True, options={"header_only": True})

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()  # headers are the same for all

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["HEARTBEAT_BUILD_TESTS"] = False
        toolchain.cache_variables["HEARTBEAT_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["HEARTBEAT_INSTALL"] = True
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        # find_package gets the package's own files, since they generate the protocols' code.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.set_property("pkg_config_name", "heartbeat")
        core = self.cpp_info.components["core"]
        core.bindirs, core.libdirs, core.system_libs = [], [], ["pthread"]
        core.builddirs = [os.path.join("share", "heartbeat")]
        for component in self._chosen(*GRPC_COMPONENTS):
            self.cpp_info.components[component].requires = ["core", "grpc::grpc++", "protobuf::libprotobuf"]
        for component in self._chosen("asio"):
            self.cpp_info.components[component].requires = ["core", "boost::headers"]
