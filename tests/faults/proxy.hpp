// SPDX-License-Identifier: BSL-1.0
// A TCP proxy on 127.0.0.1 that is the bad network between client and server: one thread, one poll, no clock but the
// library's. A link is a client's connection and the one to the server that belongs to it. Read next: drill.hpp.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>

namespace heartbeat::faults {

/// A descriptor that is closed when it dies.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_{fd} {
    if (fd < 0) throw std::system_error{errno, std::generic_category(), "a descriptor of the proxy"};
  }
  Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const { return fd_; }

  /// Its peer is told that the connection is reset, not that it has ended.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const Descriptor last{std::move(*this)};
  }

 private:
  int fd_ = -1;
};

/// What the network does. A link that has gone dead or was reset stays so, whatever comes later; the next one is new.
enum class Network : std::uint8_t {
  fine,       ///< passes everything on
  half_open,  ///< links are dead: nothing passes, nobody is told. New ones are accepted and are dead too
  mute,       ///< links are reset; new ones are accepted and are dead
  slow,       ///< everything comes through, late
  resetting,  ///< links are reset, and each new one a moment after it was accepted
};

/// Threading: any thread; `set` has its effect soon after.
class Proxy {
 public:
  using Clock = BootClock;

  static constexpr std::chrono::milliseconds delay{250};     ///< of `slow`, in each direction
  static constexpr std::chrono::milliseconds lifetime{200};  ///< of a link while `resetting`

  explicit Proxy(int server_port) : server_port_{server_port}, listener_{listen()}, wake_{::eventfd(0, EFD_CLOEXEC)} {
    thread_ = std::jthread{[this](const std::stop_token& token) { run(token); }};
  }

  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  ~Proxy() {
    thread_.request_stop();
    wake();
  }

  [[nodiscard]] int port() const { return port_; }

  void set(Network network) {
    wanted_ = network;
    wake();
  }

 private:
  struct Chunk {
    Clock::time_point due;
    std::vector<char> bytes;
    std::size_t sent = 0;
  };

  // One direction of a link.
  struct Lane {
    std::deque<Chunk> chunks;
    std::size_t size = 0;
  };

  struct Link {
    Descriptor client;
    Descriptor server;  // none if the link was dead from birth
    Lane up, down;
    bool is_dead = false;
    bool is_over = false;
    Clock::time_point reset_at = Clock::time_point::max();
  };

  static constexpr std::size_t most_in_a_lane = 1 << 22;

  static sockaddr_in address_of(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  static Descriptor made_socket() { return Descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}; }

  Descriptor listen() {
    Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, size) != 0 || ::listen(socket.get(), 128) != 0 ||
        ::getsockname(socket.get(), generic, &size) != 0) {
      throw std::system_error{errno, std::generic_category(), "the proxy cannot listen"};
    }
    port_ = ntohs(address.sin_port);
    return socket;
  }

  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  void run(const std::stop_token& token) {
    while (!token.stop_requested()) {
      std::vector<pollfd> waiting{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (Link& link : links_)
        add(link, waiting);
      ::poll(waiting.data(), waiting.size(), timeout());
      if (waiting[0].revents != 0) change_network();
      std::size_t at = 2;
      for (Link& link : links_) {
        serve(link, waiting[at].revents, waiting[at + 1].revents);
        at += 2;
      }
      if (waiting[1].revents != 0) accept();
      std::erase_if(links_, [](const Link& link) { return link.is_over; });
    }
  }

  // Two entries a link; poll passes over a negative descriptor.
  void add(const Link& link, std::vector<pollfd>& waiting) const {
    const auto now = Clock::now();
    const auto events = [&](const Lane& in, const Lane& out) {
      const bool has_room = link.is_dead || in.size < most_in_a_lane;
      const bool has_due = !out.chunks.empty() && out.chunks.front().due <= now;
      return static_cast<short>((has_room ? POLLIN : 0) | (has_due ? POLLOUT : 0));
    };
    waiting.push_back({link.client.get(), events(link.up, link.down), 0});
    waiting.push_back({link.server.get(), events(link.down, link.up), 0});
  }

  // Until the next chunk or reset is due; what is due already waits for its socket, not for time.
  int timeout() const {
    const auto now = Clock::now();
    auto next = Clock::time_point::max();
    for (const Link& link : links_) {
      next = std::min(next, link.reset_at);
      for (const Lane* lane : {&link.up, &link.down}) {
        if (!lane->chunks.empty() && lane->chunks.front().due > now) next = std::min(next, lane->chunks.front().due);
      }
    }
    if (next == Clock::time_point::max()) return -1;
    return static_cast<int>(
        std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(next - now).count()));
  }

  void change_network() {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
    const Network wanted = wanted_;
    if (wanted == network_) return;
    network_ = wanted;
    for (Link& link : links_) {
      if (network_ == Network::half_open) kill(link);
      if (network_ == Network::mute || network_ == Network::resetting) reset(link);
      if (network_ == Network::fine) link.reset_at = Clock::time_point::max();
    }
  }

  static void kill(Link& link) {
    link.is_dead = true;
    link.up = link.down = Lane{};
  }

  static void reset(Link& link) {
    link.client.reset();
    link.server.reset();
    link.is_over = true;
  }

  void accept() {
    Link link;
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    link.client = Descriptor{fd};
    link.is_dead = network_ == Network::half_open || network_ == Network::mute;
    if (!link.is_dead) {
      link.server = made_socket();
      const sockaddr_in address = address_of(server_port_);
      if (::connect(link.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return reset(link);
      }
    }
    const int on = 1;
    for (const Descriptor* end : {&link.client, &link.server})
      ::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (network_ == Network::resetting) link.reset_at = Clock::now() + lifetime;
    links_.push_back(std::move(link));
  }

  void serve(Link& link, short client_events, short server_events) {
    if (link.is_over) return;
    if (link.reset_at <= Clock::now()) return reset(link);
    if ((client_events & POLLOUT) != 0) send(link.client, link.down);
    if ((server_events & POLLOUT) != 0) send(link.server, link.up);
    if ((client_events & ~POLLOUT) != 0 && !receive(link.client, link.is_dead ? nullptr : &link.up))
      link.is_over = true;
    if ((server_events & ~POLLOUT) != 0 && !receive(link.server, link.is_dead ? nullptr : &link.down)) {
      link.is_dead ? void(link.server = Descriptor{})
                   : void(link.is_over = true);  // over a dead link nobody hears of it
    }
  }

  static void send(const Descriptor& to, Lane& lane) {
    while (!lane.chunks.empty() && lane.chunks.front().due <= Clock::now()) {
      Chunk& chunk = lane.chunks.front();
      const ssize_t sent = ::send(to.get(), chunk.bytes.data() + chunk.sent, chunk.bytes.size() - chunk.sent,
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return;  // full, or broken: then receiving finds out
      chunk.sent += static_cast<std::size_t>(sent);
      lane.size -= static_cast<std::size_t>(sent);
      if (chunk.sent == chunk.bytes.size()) lane.chunks.pop_front();
    }
  }

  // False at the connection's end. What comes over a dead link (no lane) is lost.
  bool receive(const Descriptor& from, Lane* lane) const {
    std::array<char, 65536> buffer;
    const ssize_t size = ::recv(from.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size <= 0) return false;
    if (lane == nullptr) return true;
    auto due = Clock::now() + (network_ == Network::slow ? delay : std::chrono::milliseconds{0});
    if (!lane->chunks.empty()) due = std::max(due, lane->chunks.back().due);
    lane->chunks.push_back({due, {buffer.data(), buffer.data() + size}});
    lane->size += static_cast<std::size_t>(size);
    return true;
  }

  const int server_port_;
  int port_ = 0;
  Descriptor listener_;
  Descriptor wake_;
  std::atomic<Network> wanted_{Network::fine};
  Network network_ = Network::fine;  // the thread's own, like the links
  std::list<Link> links_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace heartbeat::faults
