// SPDX-License-Identifier: BSL-1.0
// The one main of every room: a room's executable is its test files and this one. It is written out because the macro
// BOOST_TEST_MODULE, which would make it, must stand before a header that here is precompiled.
// Read next: CMakeLists.txt beside this file, which lists the rooms.
#include <boost/test/unit_test.hpp>

int main(int argc, char* argv[]) {
  return boost::unit_test::unit_test_main([] { return true; }, argc, argv);
}
