// SPDX-License-Identifier: BSL-1.0
// Anything a server can answer: a status of any number with any words, and any bytes as the message. What the transport
// makes of it is one of the three results, the right one, with the server's words; and a manager that opens a session
// on it either has a session with the id that was sent, or an error with words, and nothing left over.
// No network: the stub is one of our own, and hands on what gRPC would.
// Read next: ../../include/heartbeat/transports/typedb/transport.hpp.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "input.hpp"

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::fuzz::Input;
using heartbeat::fuzz::require;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::typedb::SessionId;
namespace protocol = ::typedb::protocol;

// What comes back from one call.
struct Answer {
  grpc::Status status;
  std::string bytes;

  // As gRPC's callbacks do: what cannot be parsed is an empty message.
  template <class Message>
  void into(Message* message) const {
    if (!message->ParseFromString(bytes)) message->Clear();
  }
};

grpc::Status drawn_status(Input& input) {
  const std::uint8_t choice = input.byte();
  int code = choice % 17;
  if (choice >= 250) code = static_cast<int>(input.below(64)) - 32;  // all that such an enumeration can hold
  if (choice < 80) code = grpc::StatusCode::OK;
  std::string words = choice % 5 == 4 ? "[SSN01] " : "";
  words += input.text(input.below(40));
  return grpc::Status{static_cast<grpc::StatusCode>(code), words};
}

// Bytes as they come, or a message as a server means it.
template <class Message>
Answer drawn_answer(Input& input, Message meant) {
  Answer answer{drawn_status(input), {}};
  if (input.flag()) {
    answer.bytes = input.text(input.byte());
  } else {
    meant.SerializeToString(&answer.bytes);
  }
  return answer;
}

// A stub that answers inside each call what the input says.
class Stub {
 public:
  explicit Stub(Input& input) : async_{input} {}

  class Async {
   public:
    explicit Async(Input& bytes) : input{bytes} {}

    void session_pulse(grpc::ClientContext*, const protocol::Session::Pulse::Req* request,
                       protocol::Session::Pulse::Res* response, std::function<void(grpc::Status)> done) {
      require(request->session_id().size() == 16, "an id has 16 bytes");
      protocol::Session::Pulse::Res alive;
      alive.set_alive(!input.empty() && input.flag());
      last = drawn_answer(input, alive);
      last.into(response);
      done(last.status);
    }
    void session_close(grpc::ClientContext*, const protocol::Session::Close::Req*,
                       protocol::Session::Close::Res* response, std::function<void(grpc::Status)> done) {
      last = drawn_answer(input, protocol::Session::Close::Res{});
      last.into(response);
      done(last.status);
    }
    void session_open(grpc::ClientContext*, const protocol::Session::Open::Req*, protocol::Session::Open::Res* response,
                      std::function<void(grpc::Status)> done) {
      done(open(response));
    }
    void connection_open(grpc::ClientContext*, const protocol::Connection::Open::Req*, protocol::Connection::Open::Res*,
                         std::function<void(grpc::Status)>) {}
    void databases_contains(grpc::ClientContext*, const protocol::DatabaseManager::Contains::Req*,
                            protocol::DatabaseManager::Contains::Res*, std::function<void(grpc::Status)>) {}
    void databases_create(grpc::ClientContext*, const protocol::DatabaseManager::Create::Req*,
                          protocol::DatabaseManager::Create::Res*, std::function<void(grpc::Status)>) {}

    grpc::Status open(protocol::Session::Open::Res* response) {
      protocol::Session::Open::Res meant;
      meant.set_session_id(std::string(16, static_cast<char>(input.byte())));
      last = drawn_answer(input, meant);
      last.into(response);
      last_id = response->session_id();
      return last.status;
    }

    Input& input;
    Answer last;
    std::string last_id;
  };

  Async* async() { return &async_; }

  grpc::Status connection_open(grpc::ClientContext*, const protocol::Connection::Open::Req&,
                               protocol::Connection::Open::Res*) {
    return drawn_status(async_.input);
  }
  grpc::Status databases_contains(grpc::ClientContext*, const protocol::DatabaseManager::Contains::Req&,
                                  protocol::DatabaseManager::Contains::Res* response) {
    const Answer answer = drawn_answer(async_.input, protocol::DatabaseManager::Contains::Res{});
    answer.into(response);
    return answer.status;
  }
  grpc::Status databases_create(grpc::ClientContext*, const protocol::DatabaseManager::Create::Req&,
                                protocol::DatabaseManager::Create::Res*) {
    return drawn_status(async_.input);
  }
  grpc::Status session_open(grpc::ClientContext*, const protocol::Session::Open::Req&,
                            protocol::Session::Open::Res* response) {
    return async_.open(response);
  }

 private:
  Async async_;
};

bool is_unknown(const grpc::Status& status) {
  return status.error_message().substr(0, 7) == "[SSN01]";
}

void check_beat(const BeatResult& result, const Answer& answer) {
  const int code = answer.status.error_code();
  if (code == 0) {
    protocol::Session::Pulse::Res message;
    const bool is_alive = message.ParseFromString(answer.bytes) && message.alive();
    require(result.kind() == (is_alive ? BeatResult::Kind::acknowledged : BeatResult::Kind::gone),
            "the message says whether the session lives");
    require(!result.error() && !result.ttl(), "and nothing else");
    return;
  }
  if (is_unknown(answer.status)) {
    require(result.kind() == BeatResult::Kind::gone, "a session that the server does not know is gone");
    return;
  }
  require(result.kind() == BeatResult::Kind::failed, "any other error is a failure");
  require(result.error().value() == code && result.error().category() == heartbeat::grpc_category(), "with its code");
  require(result.text() == answer.status.error_message(), "and the server's words");
  require(!result.error().message().empty(), "and words of its own");
  const bool is_final = code == grpc::StatusCode::UNIMPLEMENTED || code == grpc::StatusCode::PERMISSION_DENIED;
  require(result.retry() == !is_final, "to be tried again, unless that is useless");
}

void check_transport(Input& input) {
  const auto stub = std::make_shared<Stub>(input);
  heartbeat::typedb::BasicSessionTransport<Stub> transport{stub};
  std::optional<BeatResult> result;
  transport.async_beat({}, BeatContext{1s}, BeatCompletion::calling([&](BeatResult given) { result = given; }));
  require(result.has_value(), "each beat is answered");
  check_beat(*result, stub->async()->last);

  std::optional<std::error_code> closed;
  transport.async_close({}, BeatContext{1s}, CloseCompletion::calling([&](std::error_code given) { closed = given; }));
  require(closed.has_value(), "each close is answered");
  const grpc::Status& status = stub->async()->last.status;
  require(!*closed == (status.ok() || is_unknown(status)), "closed, or there is an error");
}

using Manager = heartbeat::typedb::BasicSessionManager<Stub, ManualClock, ManualExecutor>;

void check_manager(Input& input) {
  ManualClock clock;
  ManualExecutor executor{clock, 1};
  const auto stub = std::make_shared<Stub>(input);
  int lost = 0;
  heartbeat::typedb::ManagerOptions<ManualClock> manager_options;
  manager_options.registry = {.seed = 1, .shards = 1};
  // Real time: for a database that others may be making, and for closes that were refused.
  manager_options.call_timeout = manager_options.close_timeout = 10us;
  Manager manager{stub, manager_options, clock, executor};
  Manager::Options options;
  options.create_database = input.flag();
  options.reopen_when_gone = input.flag();
  options.on_lost = [&](const heartbeat::Failure<SessionId>& failure) {
    ++lost;
    require(is_failure(failure.reason), "what is lost was not asked to end");
  };
  std::error_code error;
  std::string text;
  {
    auto session = manager.open("orders", options, error, &text);
    require(static_cast<bool>(session) == !error, "a session, or an error");
    if (error) {
      require(!error.message().empty() && lost == 0, "which says why");
    } else {
      require(session.id().view() == stub->async()->last_id, "the id that the server has sent");
      require(session.valid(), "and valid from birth");
      executor.run_for(std::chrono::seconds{input.byte()});
      require((session.state() == heartbeat::typedb::SessionState::lost) == (lost == 1), "a loss is told");
      require(lost == 0 || session.failure().has_value(), "and stays known");
    }
  }
  for (int i = 0; manager.size() != 0 && i < 100; ++i)
    executor.run_for(1s);
  require(manager.size() == 0, "nothing is left over");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  if (input.flag()) {
    while (!input.empty())
      check_transport(input);
  } else {
    check_manager(input);
  }
  return 0;
}
