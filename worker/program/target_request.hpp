// target_request.hpp: one check of a target, over a new connection, since the probe must also show
// whether it still accepts connections. Blocks until the answer, or the time-out of the check.
#pragma once

#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "worker/program/target_health.hpp"

namespace tandem {

struct TargetAnswer {
  std::optional<Probed> probed;  // unset: this process could not ask
  std::string why{};             // empty when the answer is good
};

// `address`: numeric. `host`: for the Host field.
TargetAnswer ask_target(const Endpoint& address, const Endpoint& host, const TargetCheck& check);

}  // namespace tandem
