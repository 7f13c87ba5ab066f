// SPDX-License-Identifier: BSL-1.0
// A real etcd for tests: a process of its own on ports of 127.0.0.1 that stay its own while it is killed and started
// again, its data in a folder that goes with it. etcdctl looks at it from outside. Read next: process.hpp.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <system_error>
#include <typedb_server/port_reservation.hpp>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>

#include "process.hpp"

namespace heartbeat::testing {

/// One member. It does not run before `start`.
///
/// Threading: one thread. Blocks: `start` and `ctl`.
class EtcdServer {
 public:
  explicit EtcdServer(std::string name = "alone") : name_{std::move(name)} {
    std::string folder = std::filesystem::temp_directory_path() / "heartbeat-etcd-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
      throw std::system_error{errno, std::generic_category(), "no folder for etcd's data"};
    }
    folder_ = folder;
  }

  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  ~EtcdServer() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  /// Where clients find it.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(client_.port()); }

  /// What the others of a cluster must know: `name=url`.
  [[nodiscard]] std::string peer() const { return name_ + "=http://127.0.0.1:" + std::to_string(peer_.port()); }

  /// Starts it, with the data it has, as a member of that cluster; unset: alone.
  void launch(const std::string& cluster = {}) {
    const std::string client_url = "http://" + address();
    const std::string peer_url = peer().substr(name_.size() + 1);
    process_.emplace(std::vector<std::string>{"etcd", "--name", name_, "--data-dir", (folder_ / "data").string(),
                                              "--logger", "zap", "--log-outputs", (folder_ / "log").string(),
                                              "--listen-client-urls", client_url, "--advertise-client-urls", client_url,
                                              "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
                                              "--initial-cluster", cluster.empty() ? peer() : cluster});
  }

  /// The same, and waits until it answers. Throws: std::runtime_error, if it does not.
  void start() {
    launch();
    wait_healthy();
  }

  void wait_healthy() {
    const auto until = BootClock::now() + patience;
    while (ctl({"endpoint", "health"}).status != 0)
      if (BootClock::now() > until) throw std::runtime_error{"etcd does not answer at " + address()};
  }

  /// Ends it as `kill -9` does; its data stays.
  void kill() { process_.reset(); }

  /// SIGSTOP: it is there, and does nothing.
  void freeze() { ::kill(process_.value().pid(), SIGSTOP); }
  void thaw() { ::kill(process_.value().pid(), SIGCONT); }

  struct Output {
    int status;
    std::string text;
  };

  /// What etcdctl says on its standard output: `ctl({"lease", "list"})`.
  Output ctl(std::vector<std::string> arguments) const {
    std::vector<std::string> command{"sh",
                                     "-c",
                                     "ETCDCTL_API=3 exec etcdctl \"$@\" 2>/dev/null",
                                     "etcdctl",
                                     "--endpoints",
                                     address(),
                                     "--command-timeout=2s"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process etcdctl{command};
    std::string text = etcdctl.read_to_end();
    return {etcdctl.wait(), std::move(text)};
  }

 private:
  const std::string name_;
  const typedb_server::PortReservation client_{0};
  const typedb_server::PortReservation peer_{0};
  std::filesystem::path folder_;
  std::optional<Process> process_;
};

/// Three members.
class EtcdCluster {
 public:
  EtcdCluster() {
    for (const char* name : {"one", "two", "three"})
      members_.push_back(std::make_unique<EtcdServer>(name));
    std::string all;
    for (const auto& member : members_)
      all += (all.empty() ? "" : ",") + member->peer();
    for (const auto& member : members_)
      member->launch(all);
    for (const auto& member : members_)
      member->wait_healthy();
  }

  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> addresses;
    for (const auto& member : members_)
      addresses.push_back(member->address());
    return addresses;
  }

  [[nodiscard]] EtcdServer& operator[](std::size_t i) { return *members_.at(i); }

  /// The number of the member that leads, as it says itself. Throws: std::runtime_error, if there is none.
  [[nodiscard]] std::size_t leader() const {
    const auto until = BootClock::now() + patience;
    while (BootClock::now() < until) {
      for (std::size_t i = 0; i != members_.size(); ++i) {
        const std::string json = members_[i]->ctl({"endpoint", "status", "-w", "json"}).text;
        const std::string own = number_after(json, "\"member_id\":");
        if (!own.empty() && own == number_after(json, "\"leader\":")) return i;
      }
    }
    throw std::runtime_error{"the cluster has no leader"};
  }

 private:
  static std::string number_after(const std::string& json, const std::string& name) {
    const auto begin = json.find(name);
    if (begin == std::string::npos) return {};
    const auto digits = begin + name.size();
    return json.substr(digits, json.find_first_not_of("0123456789", digits) - digits);
  }

  std::vector<std::unique_ptr<EtcdServer>> members_;
};

}  // namespace heartbeat::testing
