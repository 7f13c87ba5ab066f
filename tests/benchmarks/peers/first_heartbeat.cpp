// SPDX-License-Identifier: BSL-1.0
// examples/first_heartbeat.cpp as it is written without a library: a thread that beats in a loop, and stops when asked
// to or when the server has forgotten the session. figures.py compiles both, and compares what that costs.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <string>
#include <thread>

using namespace std::chrono_literals;

int main() {
  std::function<bool(const std::string&)> server{[beats = 0](const std::string& key) mutable {
    std::cout << "beat for " << key << '\n';
    return ++beats < 3;  // true: the session lives; false: it is gone
  }};
  std::binary_semaphore lost{0};
  std::jthread beat{[&](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock{mutex};
    while (server("session-7") && !stop.stop_requested()) {
      stopped.wait_for(lock, stop, 300ms, [] { return false; });
    }
    lost.release();
  }};
  lost.acquire();
  std::cout << "ended: gone\n";
}
