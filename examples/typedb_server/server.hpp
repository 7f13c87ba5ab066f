// SPDX-License-Identifier: BSL-1.0
// A TypeDB 2.29 server inside a test or an example, as far as sessions go: it opens them, ends those that get no pulse
// for their idle timeout, makes databases as slowly, lets schema sessions wait for each other, and answers on as few
// threads as the real one; it has no data. A test can make it forget, refuse, keep silent, and vanish, and ask it what
// it counted. Read next: options.hpp, faults.hpp and counters.hpp for its words, service.hpp for the calls.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/support/status.h>

#include "typedb_server/counters.hpp"
#include "typedb_server/faults.hpp"
#include "typedb_server/options.hpp"

namespace typedb_server {

/// A server on 127.0.0.1, without TLS. Session ids are the 16 bytes that messages carry.
///
/// Threading: any thread; the destructor last. Blocks: `start`, `stop`, `drop_connections` and the destructor, until
/// the calls under way are over; `wait_for`.
class Server {
 public:
  /// Starts. Throws: std::system_error, when the port is in use.
  explicit Server(Options options = {});

  /// Stops.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Starts again, on the port it had, which nobody could take meanwhile. Nothing happens if it runs.
  void start();

  /// The same, on that port; 0: a free one. Throws: std::system_error, when it is in use.
  void start(int port);

  /// Cuts all connections, listens no longer, and forgets all sessions and faults. Databases stay, as on a disk.
  void stop();

  /// The port it has, or had before `stop`.
  [[nodiscard]] int port() const;

  /// `127.0.0.1:<port>`
  [[nodiscard]] std::string address() const;

  // --- What it knows.

  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::vector<std::string> sessions() const;
  [[nodiscard]] bool knows(std::string_view id) const;

  /// How often clients asked to close that session, whether it was open or not.
  [[nodiscard]] int closes(std::string_view id) const;

  /// How many opens wait for a schema lock, and how many schema locks are taken.
  [[nodiscard]] std::size_t schema_waiters() const;
  [[nodiscard]] std::size_t schema_sessions() const;

  /// How many transactions are open.
  [[nodiscard]] std::size_t transactions() const;

  /// How many calls ended without an answer, since their clients cancelled them, gave up, or were cut off.
  [[nodiscard]] std::size_t given_up() const;

  /// How many calls wait for their turn on a single thread, also those that were given up meanwhile.
  [[nodiscard]] std::size_t queued() const;

  /// How many single threads answer its calls.
  [[nodiscard]] std::size_t threads() const;

  /// `counters().opened` and `counters().open`.
  [[nodiscard]] int opened() const;
  [[nodiscard]] std::size_t open() const;

  /// Waits for numbers that please; false if the limit passes first. `is_pleased` runs under the server's lock.
  bool wait_for(std::chrono::milliseconds limit, const std::function<bool(const Counters&)>& is_pleased) const;

  // --- What a test can do to it.

  /// Forgets sessions, as if it had been restarted: one (false if it was not open), that many (how many it had), all.
  bool forget(std::string_view id);
  std::size_t forget_some(std::size_t count);
  std::size_t forget_all();

  /// Sets what goes wrong with the calls of all sessions; `{}`: nothing any more.
  void set_faults(Faults faults);

  /// Sets what goes wrong with pulse and close of one session, whatever holds for all.
  void set_faults(std::string_view id, Faults faults);

  /// Nothing goes wrong any more, for nobody.
  void clear_faults();

  /// Hangs: calls arrive and wait, all of them; those being served are served. Time goes on, so sessions expire.
  void pause();

  /// Hangs no longer: what waits is served in its order, except calls that are known to have been given up.
  void resume();

  /// Cuts all connections, and listens again on the same port at once; the sessions live. Calls under way fail.
  void drop_connections();

  /// At once, unlike a client's call; the sessions of a database that is removed live on.
  void create_database(const std::string& name);
  void remove_database(const std::string& name);

  // --- Shorthands: each sets one of the faults of all sessions, and leaves the others.

  void mute(bool on);       ///< pulses: `Fault::request_lost`
  void mute_open(bool on);  ///< opens: `Fault::request_lost`
  void fail_pulse(grpc::Status status);
  void fail_open(grpc::Status status);
  void fail_close(grpc::Status status);
  void bad_ids(bool on);  ///< `Faults::short_ids`

 private:
  class Running;
  std::unique_ptr<Running> running_;
};

}  // namespace typedb_server
