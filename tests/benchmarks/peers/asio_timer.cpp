// SPDX-License-Identifier: BSL-1.0
// A Boost.Asio steady_timer per session in an unordered_map, one io_context.
#include <cstdlib>
#include <thread>
#include <unordered_map>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "../measured.hpp"

namespace {

namespace asio = boost::asio;

struct Hash {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

class Sessions {
 public:
  Sessions(asio::io_context& context, benchmarks::NoServer& server) : context_{context}, server_{server} {}

  void start(const benchmarks::SessionId& id, std::chrono::milliseconds first) {
    auto [place, is_new] = sessions_.try_emplace(id, context_);
    place->second.expires_after(first);
    wait(*place);
  }

 private:
  using Map = std::unordered_map<benchmarks::SessionId, asio::steady_timer, Hash>;

  void wait(Map::value_type& session) {
    session.second.async_wait([this, &session](const boost::system::error_code& error) {
      if (error) return;
      server_.beat(session.first);
      session.second.expires_at(session.second.expiry() + benchmarks::interval);
      wait(session);
    });
  }

  asio::io_context& context_;
  benchmarks::NoServer& server_;
  Map sessions_;
};

}  // namespace

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const double bytes_before = benchmarks::resident_bytes();
  benchmarks::NoServer server;
  asio::io_context context{1};
  Sessions sessions{context, server};
  benchmarks::Phases phases;
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number)
    sessions.start(benchmarks::session_id(number), phases.next());
  std::thread loop{[&] { context.run(); }};
  const int status = benchmarks::measure(arguments, server, bytes_before);
  std::fflush(stdout);
  std::quick_exit(status);
}
