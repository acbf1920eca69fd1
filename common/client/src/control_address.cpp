#include "common/client/src/control_address.hpp"

#include <algorithm>

#include "common/client/src/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::client {

ControlAddress::Asking ControlAddress::take(Duration timeout) {
  {
    const Lock lock(mutex_);
    const auto found = std::find_if(idle_.begin(), idle_.end(),
                                    [&](const auto& each) { return each.timeout == timeout; });
    if (found != idle_.end()) {
      auto taken = std::move(*found);
      idle_.erase(found);
      return taken;
    }
  }
  return {timeout, std::make_unique<BlockingClient>(
                       endpoint_,
                       BlockingClientOptions{.connect_max = timeout,
                                             .answer_max = timeout,
                                             .ask_max = timeout,
                                             .answer = {.body_bytes_max = limits::status_bytes_max},
                                             .credentials = credentials_})};
}

HttpOutcome ControlAddress::ask(const HttpRequest& request, Duration timeout) {
  auto asking = take(timeout);
  auto outcome = asking.client->ask(request);
  if (!outcome.answered()) return outcome;
  const Lock lock(mutex_);
  if (idle_.size() < limits::client_controls_kept) idle_.push_back(std::move(asking));
  return outcome;
}

}  // namespace tandem::client
