// SPDX-License-Identifier: BSL-1.0
// A method's messages are found by its signature: of the overloads of a generated stub the one that takes a function is
// picked, whatever the messages are called, and a stub without it is told apart.
#include <concepts>
#include <functional>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/client_callback.h>

#include <heartbeat/transports/grpc_rpc.hpp>
#include <heartbeat/transports/protocol/typedb.grpc.pb.h>

BOOST_AUTO_TEST_SUITE(grpc_rpc)

namespace {

struct Question {};
struct Answer {};

struct StubByHand {
  struct Async {
    void ask(grpc::ClientContext*, const Question*, Answer*, grpc::ClientUnaryReactor*) {}
    void ask(grpc::ClientContext*, const Question*, Answer*, std::function<void(grpc::Status)>) {}
    void tell(grpc::ClientContext*, const Question*, Answer*, grpc::ClientUnaryReactor*) {}
  };
  Async* async() { return nullptr; }
};

using heartbeat::detail::AsyncStub;
using heartbeat::detail::rpc_of;

template <class Stub>
concept CanAsk = requires {
  rpc_of(&AsyncStub<Stub>::ask);
};
template <class Stub>
concept CanTell = requires {
  rpc_of(&AsyncStub<Stub>::tell);
};

template <class Rpc, class Request, class Response>
constexpr bool is_rpc = std::same_as<typename Rpc::Request, Request>&& std::same_as<typename Rpc::Response, Response>;

}  // namespace

BOOST_AUTO_TEST_CASE(the_messages_are_those_of_the_overload_that_takes_a_function) {
  using Generated = AsyncStub<::typedb::protocol::TypeDB::Stub>;
  using Pulse = decltype(rpc_of(&Generated::session_pulse));

  BOOST_TEST((is_rpc<decltype(rpc_of(&AsyncStub<StubByHand>::ask)), Question, Answer>));
  BOOST_TEST((is_rpc<Pulse, ::typedb::protocol::Session_Pulse_Req, ::typedb::protocol::Session_Pulse_Res>));
}

BOOST_AUTO_TEST_CASE(a_stub_without_the_method_or_without_that_overload_is_told_apart) {
  BOOST_TEST(CanAsk<StubByHand>);
  BOOST_TEST(!CanTell<StubByHand>);
  BOOST_TEST(!CanAsk<::typedb::protocol::TypeDB::Stub>);
  BOOST_TEST(!CanAsk<int>);
}

BOOST_AUTO_TEST_SUITE_END()
