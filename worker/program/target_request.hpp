// target_request.hpp: one GET to a target, over a connection of its own: whether it still accepts
// connections is a part of the question. Blocks until the answer, or the time-out of the check.
#pragma once

#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "worker/program/target_health.hpp"

namespace tandem {

struct TargetAnswer {
  std::optional<Probed> probed;  // nothing: this process could not ask
  std::string why{};             // empty when it is good
};

// `address`: numeric. `host`: for the Host field.
TargetAnswer ask_target(const Endpoint& address, const Endpoint& host, const TargetCheck& check);

}  // namespace tandem
