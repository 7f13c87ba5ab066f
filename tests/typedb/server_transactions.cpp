// SPDX-License-Identifier: BSL-1.0
// The embedded server's transactions: how they begin and end, and what they do to the time of their session. Read next:
// typedb_server/transaction_stream.hpp.
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <typedb_server/server.hpp>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/testing/manual_clock.hpp>

#include "../waiting.hpp"
#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_transactions)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::BootClock;
using heartbeat::testing::BareClient;
using heartbeat::testing::eventually;
using heartbeat::testing::generous_limit;
using heartbeat::testing::ManualClock;
using typedb_server::Server;
namespace protocol = ::typedb::protocol;

// A client's side of one transaction.
class Transaction {
 public:
  explicit Transaction(BareClient& client) {
    context_.set_deadline(std::chrono::system_clock::now() + generous_limit);
    context_.set_wait_for_ready(true);
    stream_ = client.stub().transaction(&context_);
  }

  // The requests that a message may have.
  static protocol::Transaction_Req opening(const std::string& session,
                                           protocol::Transaction_Type type = protocol::Transaction_Type_WRITE,
                                           std::optional<std::chrono::milliseconds> timeout = {}) {
    protocol::Transaction_Req request;
    auto& open = *request.mutable_open_req();
    open.set_session_id(session);
    open.set_type(type);
    if (timeout) open.mutable_options()->set_transaction_timeout_millis(static_cast<int>(timeout->count()));
    return request;
  }
  static protocol::Transaction_Req commit() {
    protocol::Transaction_Req request;
    request.mutable_commit_req();
    return request;
  }
  static protocol::Transaction_Req rollback() {
    protocol::Transaction_Req request;
    request.mutable_rollback_req();
    return request;
  }

  void send(protocol::Transaction_Req request, const std::string& request_id = "1") {
    protocol::Transaction_Client message;
    request.set_req_id(request_id);
    *message.add_reqs() = std::move(request);
    stream_->Write(message);
  }
  void send(const protocol::Transaction_Client& message) { stream_->Write(message); }

  // The next answer; nothing if there is none any more.
  std::optional<protocol::Transaction_Res> answer() {
    protocol::Transaction_Server message;
    if (!stream_->Read(&message)) return std::nullopt;
    return message.res();
  }

  bool open(const std::string& session) {
    send(opening(session));
    const auto answered = answer();
    return answered && answered->has_open_res();
  }

  // How the server ended it, whatever it said before.
  Status end() {
    while (answer()) {
    }
    return stream_->Finish();
  }

  // The client is done, or gives up.
  void close() { stream_->WritesDone(); }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<protocol::Transaction_Client, protocol::Transaction_Server>> stream_;
};

struct Fixture {
  ManualClock clock;
  Server server{{.now = [this] { return BootClock::time_point{clock.now().time_since_epoch()}; }}};
  BareClient client{server.address()};

  void check_that_a_full_timeout_of_two_seconds_runs(const std::string& session) {
    BOOST_TEST(eventually("the transaction is over", [&] { return server.transactions() == 0; }));
    clock.advance(2s - 1ns);
    BOOST_TEST(server.knows(session));
    clock.advance(1ns);
    BOOST_TEST(!server.knows(session));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_write_is_opened_rolled_back_committed_and_over, Fixture) {
  const std::string session = client.opened();
  Transaction transaction{client};

  transaction.send(Transaction::opening(session), "a");
  const auto opened = transaction.answer();
  const std::size_t open = server.transactions();
  transaction.send(Transaction::rollback(), "b");
  const auto rolled_back = transaction.answer();
  transaction.send(Transaction::commit(), "c");
  const auto committed = transaction.answer();
  const std::size_t open_at_last = server.transactions();
  const Status end = transaction.end();

  BOOST_REQUIRE((opened && rolled_back && committed));
  BOOST_TEST(opened->has_open_res());
  BOOST_TEST(opened->req_id() == "a");
  BOOST_TEST(rolled_back->has_rollback_res());
  BOOST_TEST(rolled_back->req_id() == "b");
  BOOST_TEST(committed->has_commit_res());
  BOOST_TEST(committed->req_id() == "c");
  BOOST_TEST(open == 1U);
  BOOST_TEST(open_at_last == 0U);
  BOOST_TEST(end.ok());
}

BOOST_FIXTURE_TEST_CASE(requests_of_one_message_are_answered_each_in_its_order, Fixture) {
  Transaction transaction{client};
  protocol::Transaction_Client message;
  *message.add_reqs() = Transaction::opening(client.opened());
  *message.add_reqs() = Transaction::rollback();
  *message.add_reqs() = Transaction::commit();

  transaction.send(message);
  const auto first = transaction.answer();
  const auto second = transaction.answer();
  const auto third = transaction.answer();

  BOOST_REQUIRE((first && second && third));
  BOOST_TEST((first->has_open_res() && second->has_rollback_res() && third->has_commit_res()));
  BOOST_TEST(transaction.end().ok());
}

BOOST_FIXTURE_TEST_CASE(an_open_transaction_suspends_the_idle_timeout_and_a_full_one_runs_from_its_commit, Fixture) {
  const std::string session = client.opened(2s);
  clock.advance(1s);
  Transaction transaction{client};
  BOOST_TEST(transaction.open(session));

  clock.advance(1h);
  BOOST_TEST(client.is_alive(session));
  clock.advance(1h);
  BOOST_TEST(server.knows(session));
  transaction.send(Transaction::commit());

  BOOST_TEST(transaction.answer().has_value());
  check_that_a_full_timeout_of_two_seconds_runs(session);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_is_done_ends_its_transaction, Fixture) {
  const std::string session = client.opened(2s);
  Transaction transaction{client};
  BOOST_TEST(transaction.open(session));
  clock.advance(1h);

  transaction.close();

  BOOST_TEST(transaction.end().ok());
  check_that_a_full_timeout_of_two_seconds_runs(session);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_gives_up_ends_its_transaction, Fixture) {
  const std::string session = client.opened(2s);
  Transaction transaction{client};
  BOOST_TEST(transaction.open(session));
  clock.advance(1h);

  transaction.cancel();

  BOOST_CHECK(transaction.end().error_code() == StatusCode::CANCELLED);
  check_that_a_full_timeout_of_two_seconds_runs(session);
}

BOOST_FIXTURE_TEST_CASE(a_transaction_that_lasts_too_long_is_ended_and_its_session_lives_on, Fixture) {
  const std::string session = client.opened(2s);
  Transaction transaction{client};

  transaction.send(Transaction::opening(session, protocol::Transaction_Type_READ, 50ms));
  const auto opened = transaction.answer();
  const Status end = transaction.end();

  BOOST_TEST(opened.has_value());
  BOOST_CHECK(end.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(end.error_message() ==
             "[SRV29] Invalid Server Operation: Transaction exceeded maximum configured duration of '0' seconds.");
  check_that_a_full_timeout_of_two_seconds_runs(session);
}

BOOST_AUTO_TEST_CASE(how_long_a_transaction_lasts_is_the_server_s_choice_if_the_client_made_none) {
  Server server{{.transaction_timeout = 50ms}};
  BareClient client{server.address()};
  Transaction transaction{client};

  BOOST_TEST(transaction.open(client.opened()));

  BOOST_TEST(transaction.end().error_message().starts_with("[SRV29]"));
}

BOOST_FIXTURE_TEST_CASE(whatever_ends_a_session_ends_its_transactions, Fixture) {
  const std::string closed = client.opened();
  const std::string forgotten = client.opened();
  const std::string without_database = client.opened();
  Transaction of_closed{client};
  Transaction of_forgotten{client};
  Transaction of_the_last{client};
  BOOST_TEST((of_closed.open(closed) && of_forgotten.open(forgotten) && of_the_last.open(without_database)));

  BOOST_TEST(client.close(closed).ok());
  BOOST_TEST(server.forget(forgotten));
  BOOST_TEST(client.remove("orders").ok());

  BOOST_TEST(of_closed.end().ok());
  BOOST_TEST(of_forgotten.end().ok());
  BOOST_TEST(of_the_last.end().ok());
  BOOST_TEST(server.transactions() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_nobody_knows_has_no_transactions, Fixture) {
  Transaction of_unknown{client};
  Transaction of_too_few_bytes{client};

  of_unknown.send(Transaction::opening("0123456789abcdef"));
  of_too_few_bytes.send(Transaction::opening("0123"));
  const Status unknown = of_unknown.end();
  const Status too_few_bytes = of_too_few_bytes.end();

  BOOST_CHECK(unknown.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(unknown.error_message().starts_with("[SSN01]"));
  BOOST_CHECK(too_few_bytes.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(too_few_bytes.error_message().empty());
}

BOOST_FIXTURE_TEST_CASE(what_is_no_way_to_use_a_transaction_ends_it_with_words, Fixture) {
  const std::string session = client.opened();
  Transaction unopened{client};
  Transaction twice{client};
  Transaction read{client};
  Transaction empty{client};
  Transaction asked{client};

  unopened.send(Transaction::commit());
  BOOST_TEST(twice.open(session));
  twice.send(Transaction::opening(session));
  read.send(Transaction::opening(session, protocol::Transaction_Type_READ));
  read.send(Transaction::commit());
  empty.send(protocol::Transaction_Client{});
  BOOST_TEST(asked.open(session));
  asked.send(protocol::Transaction_Req{});  // what the server sees of a query

  BOOST_TEST(unopened.end().error_message().starts_with("[TXN03]"));
  BOOST_TEST(twice.end().error_message().starts_with("[TXN04]"));
  BOOST_TEST(read.end().error_message().starts_with("[TXN06]"));
  BOOST_TEST(empty.end().error_message().starts_with("[SRV30]"));
  const Status of_query = asked.end();
  BOOST_CHECK(of_query.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(of_query.error_message().find("no data") != std::string::npos);
  BOOST_TEST(server.transactions() == 0U);
}

BOOST_FIXTURE_TEST_CASE(transactions_go_on_while_the_threads_of_all_other_calls_are_blocked, Fixture) {
  Server busy{{.threads = 1}};
  BareClient guest{busy.address()};
  const std::string session = guest.opened();
  std::string id;
  BOOST_TEST(guest.open_schema(id, 0ms).ok());
  auto waiting = std::async(std::launch::async, [&] {
    std::string unused;
    return guest.open_schema(unused, 10min);
  });
  BOOST_TEST(eventually("the only thread is blocked", [&] { return busy.schema_waiters() == 1; }));
  Transaction transaction{guest};

  BOOST_TEST(transaction.open(session));
  transaction.send(Transaction::commit());

  BOOST_TEST(transaction.end().ok());
  busy.stop();
}

BOOST_FIXTURE_TEST_CASE(connections_that_drop_end_transactions_and_no_sessions, Fixture) {
  const std::string session = client.opened(2s);
  Transaction transaction{client};
  BOOST_TEST(transaction.open(session));
  clock.advance(1h);

  server.drop_connections();

  BOOST_TEST(!transaction.end().ok());
  check_that_a_full_timeout_of_two_seconds_runs(session);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_stops_while_it_hangs_leaves_no_transaction_behind, Fixture) {
  const std::string session = client.opened();
  Transaction open{client};
  BOOST_TEST(open.open(session));
  server.pause();
  Transaction waiting{client};
  waiting.send(Transaction::opening(session));
  open.close();

  server.stop();

  BOOST_TEST(!waiting.end().ok());
  BOOST_TEST(server.transactions() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
