// SPDX-License-Identifier: BSL-1.0
// Question: my program has an event loop already. How do heartbeats live on it, with no thread of their own?
// Here a Boost.Asio context runs an echo server, its client and the heartbeats on one thread, as coroutines. A beat is
// one line to the server and back, on a connection of its own. Prints
//   the server forgets the session after 5 lines
//   the coroutine learns that it is gone
// Read next: custom_transport.cpp, the other forms of a transport.

#include <chrono>
#include <exception>
#include <iostream>
#include <stop_token>
#include <string>
#include <utility>  // before Asio 1.74, which needs it and does not say so

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <heartbeat/executors/asio.hpp>
#include <heartbeat/heartbeat.hpp>

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;
using namespace std::chrono_literals;

// A line a connection: gives it back; from the sixth one on it says "gone".
asio::awaitable<void> serve(tcp::acceptor& acceptor) {
  for (int lines = 1;; ++lines) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    std::string line;
    boost::system::error_code error;  // the client hung up
    co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n',
                                    asio::redirect_error(use_awaitable, error));
    if (lines == 6) std::cout << "the server forgets the session after 5 lines\n";
    if (lines > 5) line = "gone\n";
    co_await asio::async_write(socket, asio::buffer(line), asio::redirect_error(use_awaitable, error));
  }
}

// [asio]
// A beat is a coroutine on the context: it sends the key, and reads what comes back. Each beat has a connection of its
// own, so the late answer to one that timed out is never taken for the next one's.
struct EchoTransport {
  asio::io_context& context;
  tcp::endpoint server;

  void async_beat(const std::string& key, const heartbeat::BeatContext& call, heartbeat::BeatCompletion completion) {
    asio::co_spawn(context, beat(key + '\n', call.stop_token(), std::move(completion)), asio::detached);
  }

  asio::awaitable<void> beat(std::string line, std::stop_token given_up, heartbeat::BeatCompletion completion) {
    if (given_up.stop_requested()) co_return;
    tcp::socket socket{context};
    boost::system::error_code ignored;
    const std::stop_callback hang_up{given_up, [&] { socket.close(ignored); }};  // on the context's thread, too
    co_await socket.async_connect(server, use_awaitable);
    co_await asio::async_write(socket, asio::buffer(line), use_awaitable);
    std::string answer;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), '\n', use_awaitable);
    if (answer == line) completion(heartbeat::BeatResult::acknowledged());
    if (answer == "gone\n") completion(heartbeat::BeatResult::gone());
  }  // any other answer, or an exception, drops the completion: a failed beat
};

using Registry =
    heartbeat::HeartbeatRegistry<std::string, EchoTransport, heartbeat::BootClock, heartbeat::AsioExecutor>;

// Starts a heartbeat and waits for its end, while the context goes on.
asio::awaitable<heartbeat::EndReason> keep_alive(Registry& registry) {
  auto beat = registry.start("session-7", {.interval = 100ms, .ttl = 1min, .beat_timeout = 30s});
  co_return co_await beat.async_end(use_awaitable);
}
// [asio]

// [asio_shutdown]
// The context's only thread cannot wait for what it has to do itself: it goes on, and this goes on when all is over.
asio::awaitable<bool> leave(Registry& registry) {
  co_return co_await heartbeat::async_shutdown(registry, 2s, use_awaitable);
}
// [asio_shutdown]

int main() {
  asio::io_context context;
  tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  asio::co_spawn(context, serve(acceptor), asio::detached);

  Registry registry{EchoTransport{context, acceptor.local_endpoint()}, heartbeat::BootClock{},
                    heartbeat::AsioExecutor{context}};
  bool was_gone = false;
  bool is_quiet = false;
  asio::co_spawn(context, keep_alive(registry), [&](std::exception_ptr error, heartbeat::EndReason reason) {
    was_gone = !error && reason == heartbeat::EndReason::gone;
    std::cout << "the coroutine learns that it is " << to_string(reason) << '\n';
    asio::co_spawn(context, leave(registry), [&](std::exception_ptr thrown, bool is_done) {
      is_quiet = !thrown && is_done;
      context.stop();  // the server would wait for ever
    });
  });
  context.run();

  return was_gone && is_quiet && registry.statistics().acknowledged == 5 ? 0 : 1;
}
