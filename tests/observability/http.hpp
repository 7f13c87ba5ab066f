// SPDX-License-Identifier: BSL-1.0
// As much of HTTP as a test with Prometheus needs: one that asks, and one that is asked. Version 1.0, since a body then
// ends where the connection does. Read next: prometheus.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "../servers/process.hpp"

namespace heartbeat::testing {

using boost::asio::ip::tcp;

[[nodiscard]] inline tcp::endpoint local(std::uint16_t port) {
  return {boost::asio::ip::address_v4::loopback(), port};
}

/// An answer: its status and its body.
struct HttpAnswer {
  int status;
  std::string body;
};

/// Asks 127.0.0.1 for `target`. Throws: std::runtime_error, when nobody answers in time.
[[nodiscard]] inline HttpAnswer http_get(std::uint16_t port, const std::string& target) {
  tcp::iostream stream;
  stream.expires_after(patience);
  stream.connect(local(port));
  stream << "GET " << target << " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" << std::flush;
  const std::string all{std::istreambuf_iterator<char>{stream}, {}};
  const std::size_t body = all.find("\r\n\r\n");
  if (all.rfind("HTTP/1.", 0) != 0 || body == all.npos) throw std::runtime_error{"no answer to GET " + target};
  return {std::stoi(all.substr(9, 3)), all.substr(body + 4)};
}

/// A value as it stands in a URL's query.
[[nodiscard]] inline std::string url_encoded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string url;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (is_plain) {
      url += c;
    } else {
      ((url += '%') += digits[byte >> 4U]) += digits[byte & 0xFU];
    }
  }
  return url;
}

/// Answers every request on a free port with one text, on a thread of its own, until it dies.
class HttpResponder {
 public:
  HttpResponder(std::string_view content_type, std::string body)
      : answer_{"HTTP/1.0 200 OK\r\nContent-Type: " + std::string{content_type} + "\r\n\r\n" + std::move(body)},
        acceptor_{io_, local(0)},
        port_{acceptor_.local_endpoint().port()},
        thread_{[this] { run(); }} {}

  ~HttpResponder() {
    tcp::iostream stream;
    stream.connect(local(port_));
    stream << "QUIT\r\n\r\n" << std::flush;
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  void run() {
    for (bool is_over = false; !is_over;) {
      tcp::iostream stream;
      acceptor_.accept(stream.rdbuf()->socket());
      stream.expires_after(patience);
      std::string line;
      while (std::getline(stream, line) && line != "\r")
        is_over = is_over || line == "QUIT\r";
      stream << answer_ << std::flush;
    }
  }

  const std::string answer_;
  boost::asio::io_context io_;
  tcp::acceptor acceptor_;  // of the thread alone, once it runs
  const std::uint16_t port_;
  std::thread thread_;
};

}  // namespace heartbeat::testing
