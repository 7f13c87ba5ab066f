// SPDX-License-Identifier: BSL-1.0
// Many programs make one database at once, as those of a fleet do that is rolled out. TypeDB needs most of a second for
// it, and meanwhile refuses whoever asks for the same, in words that it has for everything else as well: of sixteen who
// believe them, six to ten fail. Here each gets a session, however many others make its database.
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "drill.hpp"
#include "rounds.hpp"

using namespace heartbeat::faults;  // NOLINT

BOOST_AUTO_TEST_SUITE(many_makers)

namespace {

constexpr std::size_t makers = 16;

// Ten times what it takes: the server's longest creation, and the pause before one who was refused looks again.
constexpr std::chrono::seconds too_long{7};

// What one of them came to.
struct Made {
  std::error_code error;
  std::string text;
  std::chrono::nanoseconds took{};
};

// All at once, each on a thread of its own.
std::vector<Made> make_at_once(std::vector<std::unique_ptr<heartbeat::typedb::SessionManager>>& programs,
                               const std::string& database) {
  std::vector<Made> made(programs.size());
  std::barrier begin{static_cast<std::ptrdiff_t>(programs.size())};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i != programs.size(); ++i) {
    threads.emplace_back([&, i] {
      begin.arrive_and_wait();
      const auto asked_at = heartbeat::BootClock::now();
      const auto session = programs[i]->open(database, {.create_database = true}, made[i].error, &made[i].text);
      made[i].took = heartbeat::BootClock::now() - asked_at;
    });
  }
  threads.clear();
  return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sixteen_programs_that_make_one_database_at_once_all_get_a_session) {
  ServerProcess server;
  std::vector<std::unique_ptr<heartbeat::typedb::SessionManager>> programs;
  for (std::size_t i = 0; i != makers; ++i)
    programs.push_back(std::make_unique<heartbeat::typedb::SessionManager>(channel_to(server.port(), 30s)));
  const int all = rounds(100);
  std::size_t failed = 0;
  Waits waits;

  for (int round = 0; round != all; ++round) {
    const auto made = make_at_once(programs, "made_" + std::to_string(round));
    for (const Made& one : made) {
      BOOST_TEST(!one.error, "round " << round << ": " << one.error.message() << ": " << one.text);
      if (one.error) ++failed;
      waits.add(one.took);
    }
  }

  std::printf("many makers: %zu programs, %d rounds: %zu of %zu failed; median %s, 99th percentile %s, longest %s\n",
              makers, all, failed, waits.count(), seconds(waits.median()).c_str(),
              seconds(waits.quantile(0.99)).c_str(), seconds(waits.longest()).c_str());
  BOOST_TEST((waits.longest() < too_long));
  BOOST_TEST(server.counters().opened == waits.count());
}

BOOST_AUTO_TEST_SUITE_END()
