// upgrade_api.hpp: POST /v1/upgrade: the program of this master is started once more, and takes the
// place of this process (master/upgrade).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/wire/status.hpp"
#include "master/control/api_router.hpp"

namespace boost::asio {
class thread_pool;
}

namespace tandem::master {

struct UpgradeStarted {
  std::int64_t pid = 0;
  std::string version;
  std::shared_ptr<const void> untold{};  // kept until who asked was told
};

// All for any thread.
struct UpgradeHooks {
  // Returns once the new process is ready and has its sockets; it serves soon after that. Blocks,
  // so not to be called on the control thread. Errors: `conflict`, with the reason; nothing has
  // changed then. Empty: this program cannot be upgraded.
  std::function<Result<UpgradeStarted>()> begin{};
  wire::ProcessStatus process{};  // this one
  // The process before, while it still has clients. Empty: there was none.
  std::function<std::optional<wire::ProcessStatus>()> former{};
};

// `blocking`: where upgrades are begun. All outlive the router.
void route_upgrade(ApiRouter& router, const UpgradeHooks& hooks,
                   boost::asio::thread_pool& blocking);

}  // namespace tandem::master
