// SPDX-License-Identifier: BSL-1.0
// etcd's lease service as a script: the test sees each request as it comes and says what is answered, on which stream,
// in which order, in which bytes. In this process, on a free port. Read next: keep_alive_stream.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <heartbeat/transports/etcd/lease_id.hpp>
#include <heartbeat/transports/protocol/etcd.grpc.pb.h>

#include "../typedb/awaited.hpp"

namespace heartbeat::testing {

/// A keepalive that came in.
struct AskedLease {
  int stream;  // counted from 1, in the order in which streams were opened
  etcd::LeaseId id;
  bool requires_leader;

  friend bool operator==(const AskedLease&, const AskedLease&) = default;
};

/// Threading: any thread. Blocks: `next_asked` and `next_ended`, to the limit of Awaited.
class LeaseServer {
 public:
  LeaseServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  ~LeaseServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// The next request. Waits.
  AskedLease next_asked() { return asked_.next(); }
  std::optional<AskedLease> next_asked_if_there() { return asked_.next_if_there(); }

  /// The next stream that is over, for whatever reason. Waits.
  int next_ended() { return ended_.next(); }

  /// Answers on a stream; nothing happens if it is over.
  void answer(int stream, etcd::LeaseId id, std::int64_t ttl) {
    etcdserverpb::LeaseKeepAliveResponse response;
    response.set_id(id.value);
    response.set_ttl(ttl);
    answer_bytes(stream, response.SerializeAsString());
  }

  void answer_bytes(int stream, const std::string& bytes) {
    const std::lock_guard lock{mutex_};
    if (const auto found = streams_.find(stream); found != streams_.end()) found->second->answer(bytes);
  }

  void end(int stream, const grpc::Status& status) {
    const std::lock_guard lock{mutex_};
    if (const auto found = streams_.find(stream); found != streams_.end()) found->second->end(status);
  }

  /// From now on each new stream ends at once with that status; OK: it does not.
  void refuse_streams(grpc::Status status) {
    const std::lock_guard lock{mutex_};
    refusal_ = std::move(status);
  }

  /// How many streams were opened.
  [[nodiscard]] int streams() const {
    const std::lock_guard lock{mutex_};
    return opened_;
  }

  /// What revoking answers.
  void revoke_with(grpc::Status status) {
    const std::lock_guard lock{mutex_};
    revoke_status_ = std::move(status);
  }

  /// What granting answers beside lease 7 of the ttl that was asked for, plus one.
  void grant_with(grpc::Status status, std::string error = {}) {
    const std::lock_guard lock{mutex_};
    grant_status_ = std::move(status);
    grant_error_ = std::move(error);
  }

 private:
  using Bytes = grpc::ByteBuffer;

  // Frees itself in OnDone.
  class Stream final : public grpc::ServerBidiReactor<Bytes, Bytes> {
   public:
    Stream(LeaseServer& server, int number, bool requires_leader)
        : server_{server}, number_{number}, requires_leader_{requires_leader} {
      StartRead(&request_);
    }

    void answer(const std::string& bytes) {
      const std::lock_guard lock{mutex_};
      answers_.push_back(bytes);
      go_on();
    }

    void end(const grpc::Status& status) {
      const std::lock_guard lock{mutex_};
      if (!end_) end_ = status;
      go_on();
    }

    void OnReadDone(bool ok) override {
      if (!ok) return end(grpc::Status::OK);
      etcdserverpb::LeaseKeepAliveRequest request;
      (void)grpc::SerializationTraits<etcdserverpb::LeaseKeepAliveRequest>::Deserialize(&request_, &request);
      server_.asked_.bring({number_, etcd::LeaseId{request.id()}, requires_leader_});
      StartRead(&request_);
    }

    void OnWriteDone(bool) override {
      const std::lock_guard lock{mutex_};
      is_writing_ = false;
      go_on();
    }

    void OnCancel() override { end(grpc::Status::CANCELLED); }

    void OnDone() override {
      {
        const std::lock_guard lock{server_.mutex_};
        server_.streams_.erase(number_);
      }
      server_.ended_.bring(number_);
      delete this;
    }

   private:
    // Under the lock: the answers one by one, then the end.
    void go_on() {
      if (is_writing_ || is_finished_) return;
      if (!answers_.empty()) {
        const grpc::Slice slice{answers_.front()};
        answers_.pop_front();
        response_ = Bytes{&slice, 1};
        is_writing_ = true;
        StartWrite(&response_);
      } else if (end_) {
        is_finished_ = true;
        Finish(*end_);
      }
    }

    LeaseServer& server_;
    const int number_;
    const bool requires_leader_;
    Bytes request_;
    std::mutex mutex_;  // protects what follows
    Bytes response_;
    std::deque<std::string> answers_;
    std::optional<grpc::Status> end_;
    bool is_writing_ = false;
    bool is_finished_ = false;
  };

  class Service final : public etcdserverpb::Lease::WithRawCallbackMethod_LeaseKeepAlive<etcdserverpb::Lease::Service> {
   public:
    explicit Service(LeaseServer& server) : server_{server} {}

    grpc::ServerBidiReactor<Bytes, Bytes>* LeaseKeepAlive(grpc::CallbackServerContext* context) override {
      const auto& metadata = context->client_metadata();
      const auto leader = metadata.find("hasleader");
      const std::lock_guard lock{server_.mutex_};
      const int number = ++server_.opened_;
      auto* const stream = new Stream{server_, number, leader != metadata.end() && leader->second == "true"};
      server_.streams_[number] = stream;
      if (!server_.refusal_.ok()) stream->end(server_.refusal_);
      return stream;
    }

    grpc::Status LeaseRevoke(grpc::ServerContext*, const etcdserverpb::LeaseRevokeRequest*,
                             etcdserverpb::LeaseRevokeResponse*) override {
      const std::lock_guard lock{server_.mutex_};
      return server_.revoke_status_;
    }

    grpc::Status LeaseGrant(grpc::ServerContext*, const etcdserverpb::LeaseGrantRequest* request,
                            etcdserverpb::LeaseGrantResponse* response) override {
      const std::lock_guard lock{server_.mutex_};
      response->set_id(7);
      response->set_ttl(request->ttl() + 1);
      response->set_error(server_.grant_error_);
      return server_.grant_status_;
    }

   private:
    LeaseServer& server_;
  };

  Awaited<AskedLease> asked_;
  Awaited<int> ended_;
  mutable std::mutex mutex_;        // protects what follows; comes before a stream's
  std::map<int, Stream*> streams_;  // those that are not over
  int opened_ = 0;
  grpc::Status refusal_;
  grpc::Status revoke_status_;
  grpc::Status grant_status_;
  std::string grant_error_;
  int port_ = 0;
  Service service_{*this};
  std::unique_ptr<grpc::Server> server_;  // last: goes first, and waits for the streams' ends
};

}  // namespace heartbeat::testing
