// SPDX-License-Identifier: BSL-1.0
// A transaction's requests, its answers and its end. Read next: transaction_stream.hpp.
#include "typedb_server/transaction_stream.hpp"

#include <chrono>
#include <utility>

#include <grpc/support/time.h>

#include "typedb_server/errors.hpp"
#include "typedb_server/session_bytes.hpp"

namespace typedb_server {

namespace protocol = ::typedb::protocol;

std::shared_ptr<TransactionStream> TransactionStream::begin(Backend& backend) {
  auto stream = std::make_shared<TransactionStream>(backend);
  stream->self_ = stream;
  stream->StartRead(&stream->request_);
  return stream;
}

void TransactionStream::OnReadDone(bool ok) {
  backend_.transaction_thread.post([stream = shared_from_this(), ok] {
    if (ok) {
      stream->serve();
    } else {
      stream->end_with(grpc::Status::OK);  // the client is done; whether it is gone as well, OnCancel knows
    }
  });
}

void TransactionStream::OnWriteDone(bool) {
  const std::scoped_lock lock{mutex_};
  is_writing_ = false;
  answers_.pop_front();
  go_on_writing();
}

void TransactionStream::OnCancel() {
  const std::scoped_lock lock{mutex_};
  is_cut_off_ = true;
  end(grpc::Status::CANCELLED);
  go_on_writing();
}

void TransactionStream::OnDone() {
  timeout_.Cancel();
  const auto last = std::move(self_);
}

void TransactionStream::serve() {
  const std::scoped_lock lock{mutex_};
  if (end_) return;
  if (request_.reqs().empty()) end(errors::empty_transaction_request());
  for (const Request& request : request_.reqs()) {
    if (end_) return;
    serve(request);
  }
  if (!end_) StartRead(&request_);
}

void TransactionStream::end_with(const grpc::Status& status) {
  const std::scoped_lock lock{mutex_};
  end(status);
}

void TransactionStream::serve(const Request& request) {
  Answer answer;
  answer.set_req_id(request.req_id());
  if (request.has_open_req()) {
    if (const grpc::Status refused = open(request.open_req()); !refused.ok()) return end(refused);
    answer.mutable_open_res();
    return write(std::move(answer));
  }
  if (!token_) return end(errors::transaction_not_opened());
  if (request.has_rollback_req()) {
    answer.mutable_rollback_res();
    return write(std::move(answer));
  }
  if (!request.has_commit_req()) return end(errors::no_data());
  if (!is_write_) return end(errors::illegal_commit());
  answer.mutable_commit_res();
  // Over, for its session too, before the client can know it.
  backend_.sessions.end_transaction(session_, *std::exchange(token_, std::nullopt));
  write(std::move(answer));
  end(grpc::Status::OK);
}

grpc::Status TransactionStream::open(const protocol::Transaction_Open_Req& request) {
  if (token_) return errors::transaction_already_opened();
  const auto session = session_named(request.session_id());
  if (!session) return errors::too_few_bytes();
  if (!protocol::Transaction_Type_IsValid(request.type())) return errors::unknown_enumerator();
  token_ = backend_.sessions.begin_transaction(*session,
                                               [stream = shared_from_this()] { stream->end_with(grpc::Status::OK); });
  if (!token_) return errors::unknown_session(to_string(*session));
  session_ = *session;
  is_write_ = request.type() == protocol::Transaction_Type_WRITE;
  const auto& options = request.options();
  const std::chrono::milliseconds limit = options.has_transaction_timeout_millis()
                                              ? std::chrono::milliseconds{options.transaction_timeout_millis()}
                                              : backend_.options.transaction_timeout;
  const gpr_timespec due =
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(limit.count(), GPR_TIMESPAN));
  // An alarm keeps its function after the call of it, and this object keeps the alarm: the function lets go by itself.
  timeout_.Set(due, [stream = shared_from_this(), limit](bool) mutable {
    const auto last = std::move(stream);
    last->end_with(errors::transaction_timed_out(limit));
  });
  return {};
}

void TransactionStream::end(const grpc::Status& status) {
  if (end_) return;
  end_ = status;
  if (token_) backend_.sessions.end_transaction(session_, *std::exchange(token_, std::nullopt));
  go_on_writing();
}

void TransactionStream::write(Answer answer) {
  *answers_.emplace_back().mutable_res() = std::move(answer);
  go_on_writing();
}

void TransactionStream::go_on_writing() {
  if (is_writing_ || is_finished_) return;
  if (!answers_.empty() && !is_cut_off_) {
    is_writing_ = true;
    StartWrite(&answers_.front());
  } else if (end_) {
    is_finished_ = true;
    Finish(*end_);
  }
}

}  // namespace typedb_server
