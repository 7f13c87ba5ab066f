// SPDX-License-Identifier: BSL-1.0
// Any stub with a Check will do, whatever its messages are called: here one by hand, for what gRPC's own server does
// not say. And what lacks the method is told apart before it is used.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/client_callback.h>

#include <heartbeat/beat_context.hpp>
#include <heartbeat/transport.hpp>
#include <heartbeat/transports/grpc_health.hpp>
#include <heartbeat/transports/grpc_health/transport.hpp>

BOOST_AUTO_TEST_SUITE(stub)

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::make_error_code;
using heartbeat::grpc_health::HealthStub;
using Kind = BeatResult::Kind;

struct Question {
  std::string service;
  void set_service(std::string name) { service = std::move(name); }
};

struct Answer {
  int number = 0;
  int status() const { return number; }
};

// Answers each check inside it, as its owner has told it to.
struct StubByHand {
  struct Async {
    void Check(grpc::ClientContext*, const Question* question, Answer* answer, std::function<void(grpc::Status)> done) {
      service = question->service;
      answer->number = number;
      done(error);
    }
    void Check(grpc::ClientContext*, const Question*, Answer*, grpc::ClientUnaryReactor*) {}

    std::string service;
    int number = 0;
    grpc::Status error;
  };

  Async* async() { return &calls; }

  Async calls;
};

struct StubWithoutCallbacks {
  struct Async {
    void Check(grpc::ClientContext*, const Question*, Answer*, grpc::ClientUnaryReactor*) {}
  };
  Async* async() { return nullptr; }
};

static_assert(HealthStub<StubByHand>);
static_assert(!HealthStub<StubWithoutCallbacks>);
static_assert(!HealthStub<int>);
static_assert(HealthStub<::grpc::health::v1::Health::Stub>);
static_assert(HealthStub<::grpc::health::v1::Health::StubInterface>);

using Transport = heartbeat::grpc_health::BasicHealthTransport<StubByHand>;

static_assert(heartbeat::beat_form<Transport, std::string> == heartbeat::BeatForm::async);
static_assert(!heartbeat::AsyncClosingTransport<Transport, std::string>);

struct Fixture {
  BeatResult beat(const std::string& service = {}) {
    std::optional<BeatResult> answer;
    transport.async_beat(service, BeatContext{1s},
                         BeatCompletion::calling([&](BeatResult result) { answer = result; }));
    return answer.value();
  }

  BeatResult beat_answered(int number) {
    stub->calls.number = number;
    return beat();
  }

  BeatResult beat_answered(grpc::StatusCode code) {
    stub->calls.error = {code, "no"};
    return beat();
  }

  std::shared_ptr<StubByHand> stub = std::make_shared<StubByHand>();
  Transport transport{stub};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_name_goes_out_as_it_is, Fixture) {
  (void)beat("com.example.Orders");

  BOOST_TEST(stub->calls.service == "com.example.Orders");
}

BOOST_FIXTURE_TEST_CASE(only_serving_is_a_sign_of_life, Fixture) {
  using Response = ::grpc::health::v1::HealthCheckResponse;

  BOOST_CHECK(beat_answered(Response::SERVING).kind() == Kind::acknowledged);
  BOOST_CHECK(beat_answered(Response::NOT_SERVING).kind() == Kind::failed);
  BOOST_CHECK(beat_answered(Response::SERVICE_UNKNOWN).kind() == Kind::gone);
  BOOST_CHECK(beat_answered(Response::UNKNOWN).kind() == Kind::failed);
  BOOST_CHECK(beat_answered(4).kind() == Kind::failed);
  BOOST_CHECK(beat_answered(-1).kind() == Kind::failed);
}

BOOST_FIXTURE_TEST_CASE(a_status_that_is_no_sign_of_life_says_which_and_is_tried_again, Fixture) {
  const BeatResult unknown = beat_answered(0);
  const BeatResult not_serving = beat_answered(2);
  const BeatResult undefined = beat_answered(7);

  BOOST_TEST(unknown.text() == "the server says UNKNOWN");
  BOOST_TEST(not_serving.text() == "the server says NOT_SERVING");
  BOOST_TEST(undefined.text() == "the server says a status that is not in the protocol: 7");
  for (const BeatResult* result : {&unknown, &not_serving, &undefined}) {
    BOOST_CHECK(result->error() == make_error_code(grpc::StatusCode::UNAVAILABLE));
    BOOST_TEST(result->retry());
  }
}

// The answer of a call that has failed is empty or worse: its status says nothing.
BOOST_FIXTURE_TEST_CASE(an_error_counts_whatever_the_message_says, Fixture) {
  stub->calls.number = 1;

  const BeatResult result = beat_answered(grpc::StatusCode::INTERNAL);

  BOOST_CHECK(result.error() == make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(result.text() == "no");
}

BOOST_FIXTURE_TEST_CASE(of_the_errors_one_is_gone_and_two_are_final, Fixture) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<grpc::StatusCode>(number);
    const BeatResult result = beat_answered(code);
    const bool is_final = code == grpc::StatusCode::UNIMPLEMENTED || code == grpc::StatusCode::PERMISSION_DENIED;
    const bool is_gone = code == grpc::StatusCode::NOT_FOUND;
    BOOST_TEST((result.kind() == Kind::gone) == is_gone, make_error_code(code).message());
    BOOST_TEST((result.kind() == Kind::failed) == !is_gone, make_error_code(code).message());
    BOOST_TEST((is_gone || result.retry() == !is_final), make_error_code(code).message());
  }
}

BOOST_AUTO_TEST_SUITE_END()
