// SPDX-License-Identifier: BSL-1.0
// What the tests of the Asio executor share: works and timers that call functions and count, threads that run a
// context, and the number of allocations. Most tests run the context on their own thread: `run()` returns when nothing
// is left. Read next: executor.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>  // before Asio 1.74, which needs it and does not say so
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <heartbeat/executor.hpp>

#include "../calling.hpp"
#include "../guarantees/world.hpp"

namespace heartbeat::asio_tests {

using CallingWork = testing::Calling<Work>;
using CallingTimer = testing::Calling<Timer>;

/// Threads that run a context until it has no work left, or is stopped.
class Threads {
 public:
  Threads(boost::asio::io_context& context, int count) : context_{context}, guard_{context.get_executor()} {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([&context] { context.run(); });
  }
  ~Threads() { stop(); }

  void stop() {
    context_.stop();
    run_out();
  }

  void run_out() {
    guard_.reset();
    for (auto& thread : threads_)
      thread.join();
    threads_.clear();
  }

 private:
  boost::asio::io_context& context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::vector<std::thread> threads_;
};

/// Runs the context on this thread until it is done, which `what` puts in words.
template <class Done>
[[nodiscard]] testing::Waited run_until(boost::asio::io_context& context, std::string_view what, Done done) {
  for (std::size_t handlers = 0; !done(); ++handlers) {
    context.restart();
    if (context.run_one_for(guarantees::generous) != 0) continue;
    return testing::waited(done(), what, std::to_string(handlers) + " handlers that ran", guarantees::generous);
  }
  return testing::Waited{true};
}

/// How often this program has allocated, on all threads.
[[nodiscard]] std::size_t allocations() noexcept;

/// While one lives, every allocation of its thread fails.
class NoMemory {
 public:
  NoMemory() noexcept;
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
  ~NoMemory();
};

}  // namespace heartbeat::asio_tests
