// SPDX-License-Identifier: BSL-1.0
// One unary call as one answer, without a network: the test stands in for gRPC and for the stub, so each order in which
// answer, cancellation and launch can meet is played by hand. F48 is about these orders.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <typedb_server/server.hpp>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_interceptor.h>

#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/typedb.hpp>

#include "awaited.hpp"

BOOST_AUTO_TEST_SUITE(unary_call)

namespace {

using namespace std::chrono_literals;

struct Message {
  std::string text;
};

// What the test sees of a call: how often it was answered, how, and whether its memory is still there.
struct Seen {
  int answers = 0;
  grpc::Status status;
  std::string response;
  std::shared_ptr<int> alive = std::make_shared<int>();

  bool is_freed() const { return alive.use_count() == 1; }
};

struct Note {
  Seen* seen;
  std::shared_ptr<int> alive;
  bool throws = false;

  void operator()(const grpc::Status& status, const Message& response) {
    ++seen->answers;
    seen->status = status;
    seen->response = response.text;
    if (throws) throw std::runtime_error{"a handler"};
  }
};

using Call = heartbeat::UnaryCall<Message, Message, Note>;
using Callback = std::function<void(grpc::Status)>;

std::unique_ptr<Call> call_for(Seen& seen) {
  return std::make_unique<Call>(nullptr, Note{&seen, seen.alive});
}

// Launches a call that the test answers later by the callback it gets.
Callback launched(Seen& seen, std::stop_token token) {
  Callback kept;
  Call::launch(call_for(seen), 1s, {}, std::move(token),
               [&](grpc::ClientContext*, const Message*, Message*, Callback done) { kept = std::move(done); });
  return kept;
}

// Runs a function inside each TryCancel of a channel's calls.
class InsideCancel final : public grpc::experimental::Interceptor {
 public:
  class Factory final : public grpc::experimental::ClientInterceptorFactoryInterface {
   public:
    explicit Factory(std::function<void()> fn) : fn_{std::move(fn)} {}
    grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*) override {
      return new InsideCancel{fn_};
    }

   private:
    std::function<void()> fn_;
  };

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_CANCEL)) fn_();
    methods->Proceed();
  }

 private:
  explicit InsideCancel(const std::function<void()>& fn) : fn_{fn} {}

  std::function<void()> fn_;
};

std::shared_ptr<grpc::Channel> channel_to(const std::string& address, std::function<void()> inside_cancel) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<InsideCancel::Factory>(std::move(inside_cancel)));
  return grpc::experimental::CreateCustomChannelWithInterceptors(address, grpc::InsecureChannelCredentials(), {},
                                                                 std::move(interceptors));
}

}  // namespace

BOOST_AUTO_TEST_CASE(request_response_and_status_pass_through_and_the_call_is_freed) {
  Seen seen;
  auto call = call_for(seen);
  call->request().text = "ping";

  Call::launch(std::move(call), 1s, {}, {}, [](auto*, const Message* request, Message* response, Callback done) {
    response->text = request->text + " pong";
    done(grpc::Status{grpc::StatusCode::ABORTED, "enough"});
  });

  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.response == "ping pong");
  BOOST_TEST(seen.status.error_message() == "enough");
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_launch_frees_the_call) {
  Seen seen;

  const Callback answer = launched(seen, {});
  const bool was_freed_early = seen.is_freed();
  answer(grpc::Status::OK);

  BOOST_TEST(!was_freed_early);
  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(a_token_that_fires_first_leaves_the_freeing_to_the_answer) {
  Seen seen;
  std::stop_source source;

  const Callback answer = launched(seen, source.get_token());
  source.request_stop();
  const bool was_freed_early = seen.is_freed();
  answer(grpc::Status::CANCELLED);

  BOOST_TEST(!was_freed_early);
  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.is_freed());
}

// The one order in which the answer does not free the call, and nobody else comes after the stop callback: a real call,
// since only that one's TryCancel takes the time for an answer.
BOOST_AUTO_TEST_CASE(an_answer_while_the_token_fires_leaves_the_freeing_to_the_stop_callback) {
  using Pulse = heartbeat::typedb::detail::PulseRpc<::typedb::protocol::TypeDB::Stub>;
  typedb_server::Server server;
  heartbeat::testing::Awaited<bool> answered;
  bool was_freed_early = true;
  Seen seen;
  const auto answer_now = [&] {
    server.resume();
    answered.next();
    was_freed_early = seen.is_freed();
  };
  const auto stub = heartbeat::freed_off_grpc_threads(
      std::make_shared<::typedb::protocol::TypeDB::Stub>(channel_to(server.address(), answer_now)));
  struct Handler {
    Note note;
    void operator()(const grpc::Status& status, const Pulse::Response&) { note(status, {}); }
  };
  using Real = heartbeat::UnaryCall<Pulse::Request, Pulse::Response, Handler>;
  std::stop_source source;
  server.pause();
  Real::launch(std::make_unique<Real>(stub, Handler{{&seen, seen.alive}}), heartbeat::testing::generous_limit, {},
               source.get_token(), [&](auto* context, auto* request, auto* response, Callback done) {
                 stub->async()->session_pulse(context, request, response, [&answered, done](grpc::Status status) {
                   done(std::move(status));
                   answered.bring(true);  // the call has been left
                 });
               });

  source.request_stop();

  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(!was_freed_early);
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(a_token_that_fires_after_the_answer_touches_nothing) {
  Seen seen;
  std::stop_source source;

  launched(seen, source.get_token())(grpc::Status::OK);
  source.request_stop();

  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(a_token_that_has_fired_before_the_launch_still_gives_one_answer) {
  Seen seen;
  std::stop_source source;
  source.request_stop();

  launched(seen, source.get_token())(grpc::Status::CANCELLED);

  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(a_preparation_that_throws_is_an_answer_with_its_words) {
  Seen seen;
  bool was_sent = false;
  const auto prepare = [](grpc::ClientContext&) { throw std::runtime_error{"no token"}; };

  Call::launch(call_for(seen), 1s, prepare, {}, [&](auto*, auto*, auto*, Callback) { was_sent = true; });

  BOOST_TEST(!was_sent);
  BOOST_CHECK(seen.status.error_code() == grpc::StatusCode::UNAVAILABLE);
  BOOST_TEST(seen.status.error_message() == "the call could not be prepared: no token");
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(no_preparation_can_outlast_the_timeout) {
  Seen seen;
  const auto prepare = [](grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::hours{1});
  };
  std::optional<gpr_timespec> deadline;

  Call::launch(call_for(seen), 1s, prepare, {}, [&](grpc::ClientContext* context, auto*, auto*, Callback done) {
    deadline = context->raw_deadline();
    done(grpc::Status::OK);
  });

  const gpr_timespec latest = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(1, GPR_TIMESPAN));
  BOOST_TEST((gpr_time_cmp(gpr_convert_clock_type(deadline.value(), GPR_CLOCK_MONOTONIC), latest) <= 0));
}

BOOST_AUTO_TEST_CASE(a_stub_that_throws_frees_the_call_and_the_throw_passes_through) {
  Seen seen;
  std::stop_source source;
  const auto refuse = [](auto*, auto*, auto*, const Callback&) { throw std::runtime_error{"no memory"}; };

  BOOST_CHECK_THROW(Call::launch(call_for(seen), 1s, {}, source.get_token(), refuse), std::runtime_error);
  source.request_stop();

  BOOST_TEST(seen.answers == 0);
  BOOST_TEST(seen.is_freed());
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_frees_the_call_and_goes_no_further) {
  Seen seen;

  Call::launch(std::make_unique<Call>(nullptr, Note{&seen, seen.alive, true}), 1s, {}, {},
               [](auto*, auto*, auto*, const Callback& done) { done(grpc::Status::OK); });

  BOOST_TEST(seen.answers == 1);
  BOOST_TEST(seen.is_freed());
}

// The story: a program's last channel, freed by the callback of its last call, joined the thread it was freed on, and
// gRPC went on with freed memory.
BOOST_AUTO_TEST_CASE(a_stub_outlives_the_last_call_and_is_not_freed_by_the_thread_that_answers) {
  struct Stub {
    explicit Stub(heartbeat::testing::Awaited<std::thread::id>& awaited) : freed_on{awaited} {}
    ~Stub() { freed_on.bring(std::this_thread::get_id()); }
    heartbeat::testing::Awaited<std::thread::id>& freed_on;
  };
  heartbeat::testing::Awaited<std::thread::id> freed_on;
  Seen seen;
  auto stub = heartbeat::freed_off_grpc_threads(std::make_shared<Stub>(freed_on));
  Callback answer;
  Call::launch(std::make_unique<Call>(stub, Note{&seen, seen.alive}), 1s, {}, {},
               [&](auto*, auto*, auto*, Callback done) { answer = std::move(done); });

  stub.reset();
  const bool was_freed_early = freed_on.next_if_there().has_value();
  answer(grpc::Status::CANCELLED);

  BOOST_TEST(!was_freed_early);
  BOOST_TEST(seen.is_freed());
  BOOST_CHECK(freed_on.next() != std::this_thread::get_id());
}

BOOST_AUTO_TEST_CASE(without_a_call_the_owner_of_a_stub_frees_it_itself) {
  const auto alive = std::make_shared<int>();

  auto stub = heartbeat::freed_off_grpc_threads(std::make_shared<std::shared_ptr<int>>(alive));
  const auto uses_before = alive.use_count();
  stub.reset();

  BOOST_TEST(uses_before == 2);
  BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
