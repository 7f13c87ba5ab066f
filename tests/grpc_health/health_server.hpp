// SPDX-License-Identifier: BSL-1.0
// A gRPC server with gRPC's own default health service, without one, or with one that keeps every check waiting. It
// keeps its port, so that it can be stopped and come back.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <typedb_server/port_reservation.hpp>
#include <utility>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <heartbeat/transports/protocol/grpc_health.grpc.pb.h>

#include "../typedb/awaited.hpp"

namespace heartbeat::testing {

/// A health service that answers no check before it is cancelled, and tells of both.
class SilentHealth final : public ::grpc::health::v1::Health::CallbackService {
 public:
  Awaited<std::string> asked;      // the service's name of each check
  Awaited<std::string> cancelled;  // the same, when the caller has given it up

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext*, const ::grpc::health::v1::HealthCheckRequest* request,
                                  ::grpc::health::v1::HealthCheckResponse*) override {
    struct Waiting final : grpc::ServerUnaryReactor {
      Waiting(SilentHealth& health, std::string name) : health_{health}, name_{std::move(name)} {
        health_.asked.bring(name_);
      }
      void OnCancel() override {
        health_.cancelled.bring(name_);
        Finish(grpc::Status::CANCELLED);
      }
      void OnDone() override { delete this; }

     private:
      SilentHealth& health_;
      std::string name_;
    };
    return new Waiting{*this, request->service()};
  }
};

/// Listens from the start on.
class HealthServer {
 public:
  enum class Health { of_grpc, none, silent };

  explicit HealthServer(Health health = Health::of_grpc) : health_{health} { start(); }

  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  ~HealthServer() { stop(); }

  /// On the same port, knowing no service but the server as a whole.
  void start() {
    grpc::EnableDefaultHealthCheckService(health_ == Health::of_grpc);
    int bound = 0;
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers never share a port
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &bound);
    if (health_ == Health::silent) builder.RegisterService(&silent);
    auto any = std::make_unique<grpc::CallbackGenericService>();  // has no method; gRPC wants a service at least
    builder.RegisterCallbackGenericService(any.get());
    server_ = builder.BuildAndStart();
    any_ = std::move(any);
    if (server_ == nullptr || bound == 0) throw std::runtime_error{"the server cannot listen on " + address()};
  }

  void stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }

  void set(const std::string& service, bool serving) {
    server_->GetHealthCheckService()->SetServingStatus(service, serving);
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_.port()); }

  SilentHealth silent;

 private:
  const Health health_;
  typedb_server::PortReservation port_{0};
  std::unique_ptr<grpc::CallbackGenericService> any_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace heartbeat::testing
