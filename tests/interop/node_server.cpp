// SPDX-License-Identifier: BSL-1.0
// Our transport against a server made of TypeDB's official wire definition for Node: bytes that nobody here has written
// judge ours. Sessions outlive their idle timeout by pulses alone, the server's loss of one is told as gone, and closes
// arrive. Read next: node/pulse_server.js.
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/event.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../servers/process.hpp"
#include "../typedb/awaited.hpp"

BOOST_AUTO_TEST_SUITE(node_server)

namespace {

using namespace std::chrono_literals;
using heartbeat::BootClock;
using heartbeat::EndReason;
using heartbeat::EventKind;
using heartbeat::Failure;
using heartbeat::testing::Awaited;
using heartbeat::testing::Process;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionManager;
using heartbeat::typedb::SessionOptions;
using heartbeat::typedb::SessionState;
using heartbeat::typedb::SessionTransport;

constexpr auto idle_timeout = 3s;

std::string hex(const SessionId& id) {
  std::string text = to_string(id);
  std::erase(text, '-');
  return text;
}

class NodeServer {
 public:
  NodeServer() : process_{{"node", HEARTBEAT_INTEROP_NODE_DIR "/pulse_server.js", "3000"}} {
    channel_ = grpc::CreateChannel("127.0.0.1:" + process_.read_line(), grpc::InsecureChannelCredentials());
  }

  [[nodiscard]] const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  std::string tell(const std::string& command) {
    process_.write_line(command);
    return process_.read_line();
  }

  bool has(const SessionId& id) { return tell("list").find(hex(id)) != std::string::npos; }

  // One of the numbers of "count".
  int count(const std::string& name) {
    const std::string numbers = tell("count");
    const std::string field = '"' + name + "\":";
    const auto place = numbers.find(field);
    return place == std::string::npos ? -1 : std::stoi(numbers.substr(place + field.size()));
  }

 private:
  Process process_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Waits for acknowledgements until they span that much time.
void await_acknowledged_for(Awaited<BootClock::time_point>& acknowledged, BootClock::duration span) {
  const auto first = acknowledged.next();
  while (acknowledged.next() - first < span) {
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_manager_keeps_a_session_past_its_idle_timeout_and_hears_that_it_was_killed) {
  NodeServer server;
  Awaited<BootClock::time_point> acknowledged;
  Awaited<Failure<SessionId>> losses;
  SessionManager manager{server.channel(), {.on_event = [&](const auto& event) {
                           if (event.kind == EventKind::acknowledged) acknowledged.bring(event.at);
                         }}};
  SessionOptions<> options{.idle_timeout = idle_timeout, .create_database = true};
  options.on_lost = [&](const Failure<SessionId>& failure) { losses.bring(failure); };

  manager.connect();
  const auto session = manager.open("brand new", options);
  await_acknowledged_for(acknowledged, 2 * idle_timeout);
  const bool was_kept = server.has(session.id()) && session.valid();
  const int expired = server.count("expired");
  server.tell("kill " + hex(session.id()));
  const Failure<SessionId> loss = losses.next();

  BOOST_TEST(was_kept);
  BOOST_TEST(expired == 0);
  BOOST_CHECK(loss.reason == EndReason::gone);
  BOOST_TEST(loss.key == session.id());
  BOOST_CHECK(session.state() == SessionState::lost);
}

BOOST_AUTO_TEST_CASE(a_registry_with_the_transport_alone_does_the_same) {
  NodeServer server;
  Awaited<BootClock::time_point> acknowledged;
  Awaited<EndReason> ends;
  SessionTransport transport{server.channel()};
  ::typedb::protocol::Session_Open_Req request;
  ::typedb::protocol::Session_Open_Res response;
  grpc::ClientContext context;
  request.set_database("orders");
  BOOST_REQUIRE(transport.stub()->session_open(&context, request, &response).ok());
  const SessionId id = SessionId::from_bytes(response.session_id());
  heartbeat::HeartbeatRegistry<SessionId, SessionTransport> registry{transport, [&](const auto& event) {
                                                                       if (event.kind == EventKind::acknowledged)
                                                                         acknowledged.bring(event.at);
                                                                       if (event.kind == EventKind::ended)
                                                                         ends.bring(event.reason);
                                                                     }};

  const auto handle = registry.start(id, {.interval = 300ms, .ttl = idle_timeout});
  await_acknowledged_for(acknowledged, 2 * idle_timeout);
  const bool was_kept = server.has(id) && handle.valid();
  server.tell("kill " + hex(id));
  const EndReason end = ends.next();

  BOOST_TEST(was_kept);
  BOOST_CHECK(end == EndReason::gone);
}

BOOST_AUTO_TEST_CASE(closes_arrive_and_closing_a_session_that_was_killed_is_no_error) {
  NodeServer server;
  SessionManager manager{server.channel()};
  auto first = manager.open("orders");
  auto second = manager.open("orders");

  first.close();
  server.tell("kill " + hex(second.id()));
  second.close();

  BOOST_TEST(server.count("closed") == 1);
  BOOST_TEST(server.count("open") == 0);
}

BOOST_AUTO_TEST_CASE(the_servers_own_words_reach_the_program) {
  NodeServer server;
  SessionManager manager{server.channel()};
  std::error_code error;
  std::string text;

  const auto none = manager.open("nowhere", {}, error, &text);

  BOOST_TEST(!none);
  BOOST_CHECK(error == heartbeat::make_error_code(grpc::StatusCode::INTERNAL));
  BOOST_TEST(text.starts_with("[DBS06]"));
}

BOOST_AUTO_TEST_SUITE_END()
