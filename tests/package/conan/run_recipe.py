# SPDX-License-Identifier: BSL-1.0
"""run_recipe.py <recipe's folder> <scratch folder>: runs the recipe's methods in Conan's order with a stand-in for Conan
that does what this recipe needs of it, and checks what they say. Into <scratch folder>/package goes what Conan would."""
import fnmatch
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

RECIPE, SCRATCH = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])


class Options(dict):
    get_safe = dict.get


class ConanFile:
    """What a recipe inherits."""

    def __init__(self, **chosen):
        self.recipe_folder = str(RECIPE)
        self.export_sources_folder = self.source_folder = str(SCRATCH / "source")
        self.build_folder, self.package_folder = str(SCRATCH / "build"), str(SCRATCH / "package")
        self.options = Options({**self.default_options, **chosen})
        self.required = {}
        self.info = types.SimpleNamespace(clear=lambda: None)
        self.cpp_info = types.SimpleNamespace(components=Components(), properties={})
        self.cpp_info.set_property = self.cpp_info.properties.__setitem__

    def requires(self, reference, **_traits):
        name, _, version = reference.partition("/")
        self.required[name] = version


class Components(dict):
    def __missing__(self, name):
        return self.setdefault(name, types.SimpleNamespace(includedirs=["include"], requires=[]))


class CMakeToolchain:
    def __init__(self, recipe):
        self.recipe, self.cache_variables = recipe, {}

    def generate(self):
        self.recipe.cache_variables = self.cache_variables


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        recipe = self.recipe
        defined = [f"-D{name}={'ON' if value else 'OFF'}" for name, value in recipe.cache_variables.items()]
        subprocess.run(["cmake", "-S", recipe.source_folder, "-B", recipe.build_folder, "-G", "Ninja", *defined], check=True)

    def install(self):
        subprocess.run(["cmake", "--install", self.recipe.build_folder, "--prefix", self.recipe.package_folder], check=True)


def copy(_recipe, pattern, src, dst):
    for path in pathlib.Path(src).glob("**/*" if pattern.endswith("*") else pattern):
        name = str(path.relative_to(src))
        if path.is_file() and fnmatch.fnmatch(name, pattern):
            target = pathlib.Path(dst) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def module(name, **members):
    sys.modules[name] = made = types.ModuleType(name)
    vars(made).update(members)


standards = []
module("conan", ConanFile=ConanFile)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=lambda _recipe, standard: standards.append(standard))
module("conan.tools.cmake", CMake=CMake, CMakeToolchain=CMakeToolchain)
module("conan.tools.files", copy=copy, load=lambda _recipe, path: pathlib.Path(path).read_text(encoding="utf-8"))
spec = importlib.util.spec_from_file_location("conanfile", RECIPE / "conanfile.py")
conanfile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conanfile)


def main():
    recipe = conanfile.HeartbeatConan()
    recipe.set_version()
    for step in (recipe.export_sources, recipe.requirements, recipe.validate, recipe.package_id, recipe.generate,
                 recipe.build, recipe.package, recipe.package_info):
        step()
    version = re.search(r"VERSION ([0-9.]+)", (RECIPE.parents[2] / "CMakeLists.txt").read_text().split("project(")[1])
    assert (recipe.name, recipe.version, recipe.license) == ("heartbeat", version.group(1), "BSL-1.0")
    assert standards == [20]
    assert recipe.required == {}, "the core needs nothing"
    assert list(recipe.cpp_info.components) == ["core"]
    package = pathlib.Path(recipe.package_folder)
    assert (package / "licenses" / "LICENSE").is_file()
    for folder in recipe.cpp_info.components["core"].builddirs:
        assert (package / folder / "heartbeatConfig.cmake").is_file()
    headers = {str(path.relative_to(RECIPE.parents[2])) for path in (RECIPE.parents[2] / "include").glob("**/*.hpp")}
    assert headers == {str(path.relative_to(package)) for path in package.glob("include/**/*.hpp")}

    every = conanfile.HeartbeatConan(typedb=True, etcd=True, grpc_health=True, asio=True)
    every.requirements()
    every.package_info()
    assert sorted(every.required) == ["boost", "grpc", "protobuf"]
    assert sorted(every.cpp_info.components) == ["asio", "core", "etcd", "grpc_health", "typedb"]
    for component in every.cpp_info.components.values():
        assert all(name == "core" or name.split("::")[0] in every.required for name in component.requires)


if __name__ == "__main__":
    main()
