// top.hpp: `tandem top`: the cluster at a terminal, again and again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

struct TopOptions {
  std::vector<Endpoint> masters;  // where it begins; it learns of the others
  // Asks the master at that address.
  std::function<ControlClient(const Endpoint&)> client_for;
  Duration interval = std::chrono::seconds(1);
};

// Once, for pipes. Errors: as ControlClient.
Result<std::string> top_once(const TopOptions& options);
// Until somebody presses q. A master that does not answer is replaced by the next one that does,
// and the screen says so. Errors: as ControlClient, when none answers at first. REQUIRES:
// Terminal::is_there()
Result<> top(const TopOptions& options);

}  // namespace tandem::ctl
