// SPDX-License-Identifier: BSL-1.0
// A TypeDB stub that no network is behind: the generated messages, answered when the test says so, for a manager in
// virtual time. Read next: granted.cpp and schema_lock.cpp, which say so.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb/stub.hpp>

namespace heartbeat::testing {

using Generated = ::typedb::protocol::TypeDB::Stub;
using Callback = std::function<void(grpc::Status)>;

template <class Rpc>
using RequestOf = const typename Rpc::Request*;
template <class Rpc>
using ResponseOf = typename Rpc::Response*;

/// Pulses and closes are answered inside the call, an opening when the test says so.
///
/// Threading: one thread, that of the manager's executor in virtual time.
struct StubByHand {
  using Connect = heartbeat::typedb::detail::ConnectRpc<Generated>;
  using Contains = heartbeat::typedb::detail::ContainsRpc<Generated>;
  using Create = heartbeat::typedb::detail::CreateRpc<Generated>;
  using Open = heartbeat::typedb::detail::OpenRpc<Generated>;
  using Close = heartbeat::typedb::detail::CloseRpc<Generated>;
  using Pulse = heartbeat::typedb::detail::PulseRpc<Generated>;

  struct Async {
    void session_pulse(grpc::ClientContext*, RequestOf<Pulse> request, ResponseOf<Pulse> response, Callback done) {
      response->set_alive(is_alive && !forgotten.contains(request->session_id()));
      done(pulse);
    }
    void session_close(grpc::ClientContext*, RequestOf<Close>, ResponseOf<Close>, Callback done) {
      ++closes;
      done(close);
    }
    void session_open(grpc::ClientContext*, RequestOf<Open> request, ResponseOf<Open> response, Callback done) {
      asked.push_back(*request);
      const auto status = answer_to_open(*response);
      if (!status) return openings.push_back({response, std::move(done)});
      done(*status);
    }
    void connection_open(grpc::ClientContext*, RequestOf<Connect>, ResponseOf<Connect>, Callback);
    void databases_contains(grpc::ClientContext*, RequestOf<Contains>, ResponseOf<Contains>, Callback);
    void databases_create(grpc::ClientContext*, RequestOf<Create>, ResponseOf<Create>, Callback);

    struct Opening {
      ResponseOf<Open> response;
      Callback done;
    };

    bool is_alive = true;             // all sessions are, but for
    std::set<std::string> forgotten;  // these
    grpc::Status pulse;
    grpc::Status close;
    int closes = 0;
    std::vector<typename Open::Request> asked;  // each opening
    std::deque<Opening> openings;               // that were not answered
    std::function<void()> meanwhile = [] {};    // while whoever looks for a database waits for the answer
    // Answers at once, or keeps it.
    std::function<std::optional<grpc::Status>(typename Open::Response&)> answer_to_open = [](auto&) {
      return std::nullopt;
    };
  };

  Async* async() { return &calls; }

  grpc::Status connection_open(grpc::ClientContext*, const Connect::Request&, ResponseOf<Connect>) { return {}; }
  grpc::Status databases_contains(grpc::ClientContext*, const Contains::Request&, ResponseOf<Contains> response) {
    calls.meanwhile();
    response->set_contains(true);
    return grpc::Status::OK;
  }
  grpc::Status databases_create(grpc::ClientContext*, const Create::Request&, ResponseOf<Create>) { return {}; }

  Async calls;
};

}  // namespace heartbeat::testing
