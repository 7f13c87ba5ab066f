// SPDX-License-Identifier: BSL-1.0
// Any stub with TypeDB's methods will do, whatever its messages are called: here one that knows neither gRPC's wire nor
// our generated code, which answers by hand. And what lacks a method is told apart before it is used.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/client_callback.h>

#include <heartbeat/beat_context.hpp>
#include <heartbeat/transport.hpp>
#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb/stub.hpp>
#include <heartbeat/transports/typedb/transport.hpp>

BOOST_AUTO_TEST_SUITE(stub)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::typedb::SessionId;

struct Ping {
  std::string id;
  void set_session_id(std::string bytes) { id = std::move(bytes); }
};

struct Pong {
  bool is_alive = false;
  bool alive() const { return is_alive; }
};

// Answers each call inside it, as its owner has told it to.
struct StubByHand {
  struct Async {
    void session_pulse(grpc::ClientContext*, const Ping* ping, Pong* pong, std::function<void(grpc::Status)> done) {
      id = ping->id;
      pong->is_alive = alive;
      done(status);
    }
    void session_pulse(grpc::ClientContext*, const Ping*, Pong*, grpc::ClientUnaryReactor*) {}

    void session_close(grpc::ClientContext*, const Ping* ping, Pong*, std::function<void(grpc::Status)> done) {
      id = ping->id;
      done(status);
    }

    std::string id;
    bool alive = true;
    grpc::Status status;
  };

  Async* async() { return &calls; }

  Async calls;
};

struct StubThatCannotClose {
  struct Async {
    void session_pulse(grpc::ClientContext*, const Ping*, Pong*, std::function<void(grpc::Status)>) {}
  };
  Async* async() { return nullptr; }
};

struct StubWithoutCallbacks {
  struct Async {
    void session_pulse(grpc::ClientContext*, const Ping*, Pong*, grpc::ClientUnaryReactor*) {}
    void session_close(grpc::ClientContext*, const Ping*, Pong*, grpc::ClientUnaryReactor*) {}
  };
  Async* async() { return nullptr; }
};

using heartbeat::typedb::ConnectionStub;
using heartbeat::typedb::SessionStub;

static_assert(SessionStub<StubByHand> && !ConnectionStub<StubByHand>);
static_assert(!SessionStub<StubThatCannotClose>);
static_assert(!SessionStub<StubWithoutCallbacks>);
static_assert(!SessionStub<int>);
static_assert(ConnectionStub<::typedb::protocol::TypeDB::Stub>);
static_assert(ConnectionStub<::typedb::protocol::TypeDB::StubInterface>);

using Transport = heartbeat::typedb::BasicSessionTransport<StubByHand>;

static_assert(heartbeat::beat_form<Transport, SessionId> == heartbeat::BeatForm::async);
static_assert(heartbeat::AsyncClosingTransport<Transport, SessionId>);

struct Fixture {
  BeatResult beat(const SessionId& id = {}) {
    std::optional<BeatResult> answer;
    transport.async_beat(id, BeatContext{1s}, BeatCompletion::calling([&](BeatResult result) { answer = result; }));
    return answer.value();
  }

  std::error_code close() {
    std::optional<std::error_code> answer;
    transport.async_close({}, BeatContext{1s},
                          CloseCompletion::calling([&](std::error_code error) { answer = error; }));
    return answer.value();
  }

  std::shared_ptr<StubByHand> stub = std::make_shared<StubByHand>();
  Transport transport{stub};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_id_goes_out_as_its_sixteen_bytes, Fixture) {
  const SessionId id = SessionId::from_bytes("0123456789abcdef");

  const BeatResult result = beat(id);

  BOOST_CHECK(result.kind() == BeatResult::Kind::acknowledged);
  BOOST_TEST(stub->calls.id == "0123456789abcdef");
}

BOOST_FIXTURE_TEST_CASE(a_session_that_is_not_alive_is_gone, Fixture) {
  stub->calls.alive = false;

  BOOST_CHECK(beat().kind() == BeatResult::Kind::gone);
}

BOOST_FIXTURE_TEST_CASE(an_error_that_names_the_session_unknown_is_gone_for_a_beat_and_done_for_a_close, Fixture) {
  stub->calls.status = {grpc::StatusCode::INTERNAL, "[SSN01] Session: no session of that id"};

  BOOST_CHECK(beat().kind() == BeatResult::Kind::gone);
  BOOST_TEST(!close());
}

BOOST_FIXTURE_TEST_CASE(any_other_error_is_a_failure_with_its_code_and_text, Fixture) {
  stub->calls.status = {grpc::StatusCode::INTERNAL, "out of [SSN01] luck"};

  const BeatResult result = beat();

  BOOST_CHECK(result.kind() == BeatResult::Kind::failed);
  BOOST_CHECK(result.error() == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(result.text() == "out of [SSN01] luck");
  BOOST_CHECK(close() == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
}

BOOST_FIXTURE_TEST_CASE(only_what_a_retry_cannot_mend_ends_the_heartbeat, Fixture) {
  const auto is_retried = [&](grpc::StatusCode code) {
    stub->calls.status = {code, "no"};
    return beat().retry();
  };

  BOOST_TEST(!is_retried(grpc::StatusCode::UNIMPLEMENTED));
  BOOST_TEST(!is_retried(grpc::StatusCode::PERMISSION_DENIED));
  BOOST_TEST(is_retried(grpc::StatusCode::UNAUTHENTICATED));
  BOOST_TEST(is_retried(grpc::StatusCode::UNAVAILABLE));
  BOOST_TEST(is_retried(grpc::StatusCode::DEADLINE_EXCEEDED));
}

BOOST_AUTO_TEST_SUITE_END()
