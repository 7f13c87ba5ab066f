// SPDX-License-Identifier: BSL-1.0
// One transaction: a stream of requests and answers, which is open from the request that opens it until a commit, an
// error, its timeout, the end of its session, or the end of the stream, whatever comes first.
//
//   begun ──open──> open ──commit──> over        rollback: stays open
//     │               └── timeout, session's end, error, client is done or gone ──> over
//     └── anything else ──> over
//
// An end waits for the answers before it: a write that is under way is finished, then what is queued, then the stream.
// Read next: session_table.hpp, whose sessions do not expire meanwhile.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/protocol/typedb.pb.h>
#include <heartbeat/transports/typedb/session_id.hpp>

#include "typedb_server/backend.hpp"

namespace typedb_server {

/// Threading: any thread. Requests are served on the backend's thread for transactions, in their order.
class TransactionStream final
    : public grpc::ServerBidiReactor<::typedb::protocol::Transaction_Client, ::typedb::protocol::Transaction_Server>,
      public std::enable_shared_from_this<TransactionStream> {
 public:
  explicit TransactionStream(Backend& backend) : backend_{backend} {}

  /// It keeps itself alive until gRPC is done with it. The backend must outlive it.
  static std::shared_ptr<TransactionStream> begin(Backend& backend);

 private:
  using Request = ::typedb::protocol::Transaction_Req;
  using Answer = ::typedb::protocol::Transaction_Res;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void serve();
  void end_with(const grpc::Status& status);

  // Each of these requires mutex_.
  void serve(const Request& request);
  grpc::Status open(const ::typedb::protocol::Transaction_Open_Req& request);
  void end(const grpc::Status& status);
  void write(Answer answer);
  void go_on_writing();

  Backend& backend_;
  ::typedb::protocol::Transaction_Client request_;  // gRPC's while it reads, then of the thread that serves it
  std::mutex mutex_;
  std::deque<::typedb::protocol::Transaction_Server> answers_;  // mutex_; gRPC reads the first while it is written
  bool is_writing_ = false;                                     // mutex_
  bool is_cut_off_ = false;                                     // mutex_; nobody will read an answer
  bool is_write_ = false;                                       // mutex_; it may be committed
  heartbeat::typedb::SessionId session_;                        // mutex_
  std::optional<SessionTable::Token> token_;                    // mutex_; while it is open
  std::optional<grpc::Status> end_;                             // mutex_; once it is over
  bool is_finished_ = false;                                    // mutex_; gRPC knows its end
  grpc::Alarm timeout_;
  std::shared_ptr<TransactionStream> self_;  // gRPC's share; taken away by OnDone, which is the last that gRPC does
};

}  // namespace typedb_server
