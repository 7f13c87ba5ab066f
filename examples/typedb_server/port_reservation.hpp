// SPDX-License-Identifier: BSL-1.0
// Keeps a port while nobody listens on it, so that a server which was stopped finds it free when it starts again,
// however many connections other programs open meanwhile: the system gives a bound port to nobody by itself, but lets a
// listener that allows reuse have it.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace typedb_server {

/// A port of 127.0.0.1. Movable; empty by default.
class PortReservation {
 public:
  PortReservation() = default;

  /// Reserves that port, or a free one for 0. Throws: std::system_error, when it is in use.
  explicit PortReservation(int port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const int on = 1;
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (socket_ < 0 || ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(socket_, generic, size) != 0 || ::getsockname(socket_, generic, &size) != 0) {
      const std::error_code error{errno, std::system_category()};
      release();
      throw std::system_error{error, "cannot reserve port " + std::to_string(port) + " of 127.0.0.1"};
    }
    port_ = ntohs(address.sin_port);
  }

  PortReservation(PortReservation&& other) noexcept
      : socket_{std::exchange(other.socket_, -1)}, port_{std::exchange(other.port_, 0)} {}

  PortReservation& operator=(PortReservation&& other) noexcept {
    release();
    socket_ = std::exchange(other.socket_, -1);
    port_ = std::exchange(other.port_, 0);
    return *this;
  }

  ~PortReservation() { release(); }

  /// 0 if empty.
  [[nodiscard]] int port() const { return port_; }

 private:
  void release() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  int socket_ = -1;
  int port_ = 0;
};

}  // namespace typedb_server
