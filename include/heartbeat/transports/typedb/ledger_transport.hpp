// SPDX-License-Identifier: BSL-1.0
// The transport of a manager's registry: TypeDB's own, with an ear on the closes, so that whoever closes a session
// learns how it went. The engine sends them, and thereby in order: after the beats, once.
#pragma once

#include <memory>
#include <system_error>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/transport.hpp>

namespace heartbeat::typedb::detail {

template <class Stub, Clock C>
class LedgerTransport {
 public:
  LedgerTransport(BasicSessionTransport<Stub> transport, std::shared_ptr<SessionLedger<C>> ledger)
      : transport_{std::move(transport)}, ledger_{std::move(ledger)} {}

  void async_beat(const SessionId& id, const BeatContext& context, BeatCompletion completion) {
    transport_.async_beat(id, context, std::move(completion));
  }

  void async_close(const SessionId& id, const BeatContext& context, CloseCompletion completion) {
    auto tell_both = [completion = std::move(completion), ledger = ledger_, id](std::error_code error) mutable {
      completion(error);
      ledger->on_closed(id, error);
    };
    try {
      transport_.async_close(id, context, CloseCompletion::calling(std::move(tell_both)));
    } catch (...) {
      ledger_->on_closed(id, make_error_code(errc::transport_threw));
      throw;
    }
  }

 private:
  BasicSessionTransport<Stub> transport_;
  std::shared_ptr<SessionLedger<C>> ledger_;
};

}  // namespace heartbeat::typedb::detail
