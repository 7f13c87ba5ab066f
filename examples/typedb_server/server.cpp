// SPDX-License-Identifier: BSL-1.0
// Listening and its end, around a backend that outlives both. Read next: server.hpp, service.hpp.
#include "typedb_server/server.hpp"

#include <limits>
#include <mutex>
#include <system_error>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <heartbeat/transports/typedb/session_id.hpp>

#include "typedb_server/answers.hpp"
#include "typedb_server/backend.hpp"
#include "typedb_server/port_reservation.hpp"
#include "typedb_server/service.hpp"

namespace typedb_server {

using heartbeat::typedb::SessionId;

// What a server is made of, and the lock that starting and stopping take.
class Server::Running {
 public:
  explicit Running(Options options) : backend{std::move(options)} {}

  /// Nothing happens if it listens. A port below zero: the one it had.
  void listen(int port) {
    const std::scoped_lock lock{mutex_};
    if (!listening_) listen_on(port);
  }

  void stop() {
    const std::scoped_lock lock{mutex_};
    // What waits is not begun any more, and what is being served ends before the sessions do, so that none is opened
    // behind their backs.
    pause();
    backend.schema_locks.end_waits();
    backend.databases.end_waits();
    hang_up();
    backend.threads.drop_waiting();
    backend.transaction_thread.drop_waiting();
    backend.sessions.forget_some(std::numeric_limits<std::size_t>::max());
    backend.faults.clear();
    backend.schema_locks.allow_waits();
    backend.databases.allow_waits();
  }

  void pause() {
    backend.threads.pause();
    backend.transaction_thread.pause();
  }

  void resume() {
    backend.threads.resume();
    backend.transaction_thread.resume();
  }

  void drop_connections() {
    const std::scoped_lock lock{mutex_};
    if (!listening_) return;
    hang_up();
    listen_on(same_port);
  }

  int port() const {
    const std::scoped_lock lock{mutex_};
    return port_.port();
  }

  static constexpr int same_port = -1;

  Backend backend;

 private:
  // mutex_ is held.
  void listen_on(int port) {
    if (port != same_port && (port == 0 || port != port_.port())) port_ = PortReservation{port};
    backend.port = port_.port();
    service_ = std::make_unique<Service>(backend, answers_);
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers never share a port
    builder.AddListeningPort(address_of(port_.port()), grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(service_.get());
    listening_ = builder.BuildAndStart();
    if (!listening_ || bound == 0) {
      throw std::system_error{make_error_code(std::errc::address_in_use),
                              "cannot listen on " + address_of(port_.port())};
    }
  }

  // Calls under way are cancelled, which ends those that nobody answers. mutex_ is held.
  void hang_up() {
    if (!listening_) return;
    listening_->Shutdown(gpr_inf_past(GPR_CLOCK_MONOTONIC));
    listening_->Wait();
    listening_.reset();
    service_.reset();
  }

  Answers answers_{backend};
  mutable std::mutex mutex_;
  PortReservation port_;  // mutex_, like the others
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> listening_;  // last: it uses the service
};

Server::Server(Options options) : running_{std::make_unique<Running>(options)} {
  running_->listen(options.port);
}

Server::~Server() {
  running_->stop();
}

void Server::start() {
  running_->listen(Running::same_port);
}

void Server::start(int port) {
  running_->listen(port);
}

void Server::stop() {
  running_->stop();
}

int Server::port() const {
  return running_->port();
}

std::string Server::address() const {
  return address_of(port());
}

Counters Server::counters() const {
  return running_->backend.sessions.counters();
}

std::vector<std::string> Server::sessions() const {
  std::vector<std::string> bytes;
  for (const SessionId& id : running_->backend.sessions.ids())
    bytes.emplace_back(id.view());
  return bytes;
}

bool Server::knows(std::string_view id) const {
  return running_->backend.sessions.knows(SessionId::from_bytes(id));
}

int Server::closes(std::string_view id) const {
  return running_->backend.sessions.closes(SessionId::from_bytes(id));
}

std::size_t Server::schema_waiters() const {
  return running_->backend.schema_locks.waiting();
}

std::size_t Server::schema_sessions() const {
  return running_->backend.schema_locks.taken();
}

std::size_t Server::transactions() const {
  return running_->backend.sessions.transactions();
}

std::size_t Server::given_up() const {
  return running_->backend.given_up;
}

std::size_t Server::queued() const {
  return running_->backend.threads.waiting();
}

std::size_t Server::threads() const {
  return running_->backend.threads.count();
}

int Server::opened() const {
  return static_cast<int>(counters().opened);
}

std::size_t Server::open() const {
  return counters().open;
}

bool Server::wait_for(std::chrono::milliseconds limit, const std::function<bool(const Counters&)>& is_pleased) const {
  return running_->backend.sessions.wait_for(limit, is_pleased);
}

bool Server::forget(std::string_view id) {
  return running_->backend.sessions.forget(SessionId::from_bytes(id));
}

std::size_t Server::forget_some(std::size_t count) {
  return running_->backend.sessions.forget_some(count);
}

std::size_t Server::forget_all() {
  return forget_some(std::numeric_limits<std::size_t>::max());
}

void Server::set_faults(Faults faults) {
  running_->backend.faults.change([&](Faults& all) { all = std::move(faults); });
}

void Server::set_faults(std::string_view id, Faults faults) {
  running_->backend.faults.set_of(SessionId::from_bytes(id), std::move(faults));
}

void Server::clear_faults() {
  running_->backend.faults.clear();
}

void Server::pause() {
  running_->pause();
}

void Server::resume() {
  running_->resume();
}

void Server::drop_connections() {
  running_->drop_connections();
}

void Server::create_database(const std::string& name) {
  running_->backend.databases.add(name);
}

void Server::remove_database(const std::string& name) {
  running_->backend.databases.remove(name);
}

void Server::mute(bool on) {
  running_->backend.faults.change([on](Faults& all) { all.pulse = on ? Fault::request_lost() : Fault{}; });
}

void Server::mute_open(bool on) {
  running_->backend.faults.change([on](Faults& all) { all.open = on ? Fault::request_lost() : Fault{}; });
}

void Server::fail_pulse(grpc::Status status) {
  running_->backend.faults.change([&](Faults& all) { all.pulse = Fault::failing(std::move(status)); });
}

void Server::fail_open(grpc::Status status) {
  running_->backend.faults.change([&](Faults& all) { all.open = Fault::failing(std::move(status)); });
}

void Server::fail_close(grpc::Status status) {
  running_->backend.faults.change([&](Faults& all) { all.close = Fault::failing(std::move(status)); });
}

void Server::bad_ids(bool on) {
  running_->backend.faults.change([on](Faults& all) { all.short_ids = on; });
}

}  // namespace typedb_server
