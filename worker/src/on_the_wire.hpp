// on_the_wire.hpp: what the public header says, as heartbeats say it. Any thread.
#pragma once

#include <optional>

#include "common/base/assert.hpp"
#include "common/wire/heartbeat.hpp"
#include "tandem/worker.hpp"

namespace tandem {

inline wire::WorkerCondition on_the_wire(Condition condition) {
  switch (condition) {
    case Condition::up: return wire::WorkerCondition::up;
    case Condition::failing: return wire::WorkerCondition::failing;
    case Condition::draining: return wire::WorkerCondition::draining;
  }
  assertion_failed("a known condition", __FILE__, __LINE__);
}

inline std::optional<wire::WorkerProtocol> on_the_wire(const std::optional<Protocol>& protocol) {
  if (!protocol) return std::nullopt;
  return *protocol == Protocol::http2 ? wire::WorkerProtocol::http2 : wire::WorkerProtocol::http1;
}

}  // namespace tandem
