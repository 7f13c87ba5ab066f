// SPDX-License-Identifier: BSL-1.0
// What the tests of the transport alone hold in place of a registry: beats by the batch, and an answer to wait for
// each.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/security/credentials.h>

#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_request.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/transports/etcd.hpp>

#include "../typedb/awaited.hpp"

namespace heartbeat::testing {

using etcd::LeaseId;

/// Channels that wait for a connection longer than a busy machine needs to make it.
inline auto patient_channels(const std::vector<std::string>& endpoints, std::chrono::seconds wait = generous_limit) {
  return etcd::channels_to(endpoints, grpc::InsecureChannelCredentials(), wait);
}

/// The answer to one beat; shared with the completion, which may come when the test is over.
using Answer = std::shared_ptr<Awaited<BeatResult>>;

/// Beats these leases in one batch.
inline std::vector<Answer> ask_all(etcd::LeaseTransport& transport, const std::vector<LeaseId>& ids) {
  std::vector<Answer> answers;
  std::vector<BeatRequest<LeaseId>> requests;
  for (const LeaseId& id : ids) {
    answers.push_back(std::make_shared<Awaited<BeatResult>>());
    requests.push_back(
        {id, BeatContext{generous_limit},
         BeatCompletion::calling([answer = answers.back()](BeatResult result) { answer->bring(std::move(result)); })});
  }
  transport.async_beat_batch(requests);
  return answers;
}

/// Beats one lease.
inline Answer ask(etcd::LeaseTransport& transport, LeaseId id) {
  return ask_all(transport, {id}).front();
}

}  // namespace heartbeat::testing
