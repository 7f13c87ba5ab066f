// SPDX-License-Identifier: BSL-1.0
// Question: how do I watch the health of any gRPC server?
// Runs against a server of its own, with gRPC's health service: "orders" stops serving and serves again, "refunds" is
// not known there. Prints
//   orders: the server says NOT_SERVING
//   orders: serving again
//   orders: ended as stopped
//   refunds: ended as gone
// Read next: typedb_first_session.cpp.

#include <iostream>
#include <memory>
#include <semaphore>
#include <string>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <heartbeat/registry.hpp>
#include <heartbeat/transports/grpc_health.hpp>

using namespace std::chrono_literals;
using heartbeat::EventKind;

int main() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::CallbackGenericService services;  // stands for those of a real server
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&services);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  server->GetHealthCheckService()->SetServingStatus("orders", true);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  std::counting_semaphore<> serving{0};
  std::counting_semaphore<> not_serving{0};
  std::counting_semaphore<> recovered{0};
  std::counting_semaphore<> ended{0};

  // [health]
  using heartbeat::grpc_health::HealthTransport;
  using Registry = heartbeat::HeartbeatRegistry<std::string, HealthTransport>;
  const auto on_event = [&](const Registry::EventType& event) {
    if (event.kind == EventKind::acknowledged) serving.release();
    if (event.kind == EventKind::jeopardy) {
      std::cout << event.key << ": " << event.text << '\n';
      not_serving.release();
    }
    if (event.kind == EventKind::recovered) {
      std::cout << event.key << ": serving again\n";
      recovered.release();
    }
    if (event.kind == EventKind::ended) {
      std::cout << event.key << ": ended as " << to_string(event.reason) << '\n';
      ended.release();
    }
  };
  Registry registry{HealthTransport{grpc::CreateChannel(address, grpc::InsecureChannelCredentials())}, on_event};
  // The key is the service's name; "" is the server as a whole. What is down for the ttl ends as stalled.
  auto orders = registry.start("orders", {.interval = 200ms, .ttl = 10s});
  // [health]

  serving.acquire();
  server->GetHealthCheckService()->SetServingStatus("orders", false);
  not_serving.acquire();
  server->GetHealthCheckService()->SetServingStatus("orders", true);
  recovered.acquire();
  const bool is_valid = orders.valid();
  orders.stop();
  ended.acquire();
  auto refunds = registry.start("refunds", {.interval = 200ms, .ttl = 10s});
  ended.acquire();
  const bool is_right = is_valid && refunds.ended() == heartbeat::EndReason::gone;
  return is_right ? 0 : 1;
}
