// SPDX-License-Identifier: BSL-1.0
// Question: my program has an event loop already. How do heartbeats live on it, with no thread of their own?
// Here a Boost.Asio context runs an echo server, its client and the heartbeats on one thread, as coroutines. A beat is
// one line to the server and back. Prints
//   the server forgets the session after 5 lines
//   the coroutine learns that it is gone
// Read next: custom_transport.cpp, the other forms of a transport.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
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

// Gives each line back; to the sixth one it says "gone". Ends when the client hangs up.
asio::awaitable<void> serve_one(tcp::acceptor& acceptor) {
  tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
  std::string text;
  for (int lines = 1;; ++lines) {
    boost::system::error_code error;
    const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(text), '\n',
                                                             asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    const std::string answer = lines <= 5 ? text.substr(0, size) : "gone\n";
    text.erase(0, size);
    if (lines == 6) std::cout << "the server forgets the session after 5 lines\n";
    co_await asio::async_write(socket, asio::buffer(answer), use_awaitable);
  }
}

// [asio]
// A beat is a coroutine on the context: it sends the key, and reads what comes back.
struct EchoTransport {
  tcp::socket& socket;

  void async_beat(const std::string& key, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    asio::co_spawn(socket.get_executor(), beat(key + '\n', std::move(completion)), asio::detached);
  }

  asio::awaitable<void> beat(std::string line, heartbeat::BeatCompletion completion) {
    std::string answer;
    co_await asio::async_write(socket, asio::buffer(line), use_awaitable);
    co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), '\n', use_awaitable);
    completion(answer == line ? heartbeat::BeatResult::acknowledged() : heartbeat::BeatResult::gone());
  }  // one that throws drops its completion: a failed beat
};

using Registry =
    heartbeat::HeartbeatRegistry<std::string, EchoTransport, heartbeat::BootClock, heartbeat::AsioExecutor>;

// Starts a heartbeat and waits for its end, while the context goes on.
asio::awaitable<heartbeat::EndReason> keep_alive(Registry& registry) {
  auto beat = registry.start("session-7", {.interval = 300ms, .ttl = 5s});
  co_return co_await beat.async_end(use_awaitable);
}
// [asio]

int main() {
  asio::io_context context;
  tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  tcp::socket socket{context};
  asio::co_spawn(context, serve_one(acceptor), asio::detached);
  socket.connect(acceptor.local_endpoint());

  Registry registry{EchoTransport{socket}, heartbeat::BootClock{}, heartbeat::AsioExecutor{context}};
  bool was_gone = false;
  asio::co_spawn(context, keep_alive(registry), [&](std::exception_ptr error, heartbeat::EndReason reason) {
    was_gone = !error && reason == heartbeat::EndReason::gone;
    std::cout << "the coroutine learns that it is " << to_string(reason) << '\n';
    socket.close();  // the server's coroutine ends too, and nothing is left to do
  });
  context.run();

  return was_gone && registry.statistics().acknowledged == 5 ? 0 : 1;
}
