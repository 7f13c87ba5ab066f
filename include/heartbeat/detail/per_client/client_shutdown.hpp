// SPDX-License-Identifier: BSL-1.0
// A shutdown in steps of two engines, the one that beats for clients and the one that holds their keys: clients first,
// for their closes take the time. Read next: ../engine/shutdown.hpp, the steps of one.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

/// Of the steps of each. Move-only.
template <class Clients, class Keys>
class ClientShutdown {
 public:
  ClientShutdown(Clients clients, Keys keys)
      : clients_{std::move(clients)},
        keys_{std::move(keys)},
        both_{std::make_unique<Both>(clients_.quiet(), keys_.quiet())} {}

  void begin(Duration grace) noexcept {
    clients_.begin(grace);
    keys_.begin(grace);
  }
  void hasten() noexcept { clients_.hasten(); }
  [[nodiscard]] bool finish() noexcept {
    const bool has_sent_all = clients_.finish();
    return keys_.finish() && has_sent_all;
  }
  [[nodiscard]] std::stop_token closes_over() const noexcept { return clients_.closes_over(); }
  [[nodiscard]] std::stop_token quiet() const noexcept { return both_->quiet.get_token(); }

 private:
  // Fires when the second of two has fired.
  struct Both {
    struct Count {
      void operator()() const noexcept {
        if (both->left.fetch_sub(1) == 1) both->quiet.request_stop();
      }
      Both* both;
    };
    Both(std::stop_token first, std::stop_token second)
        : of_first{std::move(first), Count{this}}, of_second{std::move(second), Count{this}} {}

    std::stop_source quiet;
    std::atomic<int> left{2};
    std::stop_callback<Count> of_first;  // these two last: they use the others
    std::stop_callback<Count> of_second;
  };

  Clients clients_;
  Keys keys_;
  std::unique_ptr<Both> both_;
};

}  // namespace heartbeat::detail
