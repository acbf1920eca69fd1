// config_api.hpp: what is in force and where it comes from, and reading it anew: GET /v1/config,
// GET /v1/config/diff, POST /v1/reload, GET and PUT /v1/log/level.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/configuration.hpp"
#include "common/base/logging.hpp"
#include "master/control/api_router.hpp"
#include "master/events/event.hpp"
#include "master/registry/registry.hpp"

namespace boost::asio {
class thread_pool;
}

namespace tandem::master {

// A key of which the file, or a flag, says something else than is in force. Values as value_text()
// has them; empty: unset.
struct ConfigChange {
  std::string key;
  std::string before;
  std::string after;
  std::string why{};  // it was not applied; empty: it was

  friend bool operator==(const ConfigChange&, const ConfigChange&) = default;
};

struct ReloadReport {
  std::string file{};                 // as it was named; empty: there is none
  std::vector<std::string> errors{};  // sentences; any: nothing was changed
  std::vector<ConfigChange> applied{};
  std::vector<ConfigChange> refused{};  // each with its why
  // Keys that say what they said, of files in which there is something else now.
  std::vector<std::string> renewed{};
};

enum class ReloadMode {
  apply,
  compare,  // says what a reload would do, and does nothing
};

// What the process does about its configuration. Empty: it has none. All for any thread.
struct ConfigHooks {
  std::function<Configuration()> in_force{};
  // Blocks for the disk, and for the control thread, so not to be called there.
  std::function<ReloadReport(ReloadMode mode, const wire::Author& by)> reload{};
  // What it takes to change a key.
  std::function<std::string(std::string_view key)> when{};
  std::function<LogLevel()> log_level{};
  std::function<void(LogLevel)> set_log_level{};
};

// `author`: who asks. `reloads`: where reloads run. All outlive the router.
void route_config(ApiRouter& router, const ConfigHooks& hooks, const Registry& registry,
                  boost::asio::thread_pool& reloads,
                  std::function<wire::Author(const ControlRequest&)> author);

}  // namespace tandem::master
