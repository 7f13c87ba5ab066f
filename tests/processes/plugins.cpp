// SPDX-License-Identifier: BSL-1.0
// A registry in a library that is loaded and unloaded while the program runs. Each sentence that
// examples/guide/process.md says of plugins is a case here, for the compiler that builds this. What must not be done is
// not shown: it ends in code that is not there any more, or in a thread that waits for itself.
// Read next: programs/plugin_host.cpp, what is run, and programs/plugins/sessions.cpp, what that loads.
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "programs.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(plugins)

using heartbeat::processes::built;
using heartbeat::processes::Ran;
using heartbeat::processes::run;

// The library is loaded so that it stays, by its linker or by its host.
void expect_of_kept(const std::string& what, const std::string& output) {
  for (const auto& [file, flag] : {std::pair{"sessions_kept.so", ""}, std::pair{"sessions.so", "nodelete"}}) {
    const Ran ran = run("plugin_host", {what, built(file), flag});

    BOOST_TEST(ran.output == output);
    BOOST_TEST(ran.status == 0);
  }
}

const std::string rounds_of_one_that_stays =
    "as new\nended\nno thread\nloaded\n"
    "as it was\nended\nno thread\nloaded\n"
    "as it was\nended\nno thread\nloaded\n";

BOOST_AUTO_TEST_CASE(ended_by_the_host_it_has_no_thread_left_and_can_be_loaded_again) {
  const Ran ran = run("plugin_host", {"end_close_and_load_again", built("sessions.so")});

#if defined(__clang__)  // which marks nothing as unique: the library goes
  const std::string round = "as new\nended\nno thread\nunloaded\n";
  BOOST_TEST(ran.output == round + round + round);
#else
  BOOST_TEST(ran.output == rounds_of_one_that_stays);
#endif
  BOOST_TEST(ran.status == 0);
}

BOOST_AUTO_TEST_CASE(kept_it_can_be_ended_and_started_again_too) {
  expect_of_kept("end_close_and_load_again", rounds_of_one_that_stays);
}

BOOST_AUTO_TEST_CASE(kept_it_goes_on_when_it_is_closed_and_a_static_registry_ends_with_the_program) {
  expect_of_kept("close_while_it_runs", "beats go on\nended\n");
}

BOOST_AUTO_TEST_CASE(kept_its_registry_may_end_in_a_callback) {
  expect_of_kept("close_when_it_ended_itself", "no thread\nended\n");
}

BOOST_AUTO_TEST_CASE(kept_it_takes_late_answers) {
  expect_of_kept("answer_after_close", "answered\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
