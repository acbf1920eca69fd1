// commands.hpp: the commands of `tandem`; each returns the text that it prints.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/wire/verdict.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

enum class Format {
  tables,  // for people
  json,    // for scripts: the master's document as it is
};

using wire::Health;

struct StatusShown {
  std::string text;
  Health health = Health::well;
};

// `check`: one line instead of tables; a standby that finds nothing wrong has the primary asked,
// too, which alone knows how requests end.
Result<StatusShown> show_status(const ControlClient& client, Format format, bool check = false);
Result<std::string> show_workers(const ControlClient& client, Format format);
Result<std::string> drain(const ControlClient& client, const std::string& worker, Format format);
// A line with what an answer about a worker warns of; empty: nothing.
std::string warning_in(const std::string& answer);
Result<std::string> undrain(const ControlClient& client, const std::string& worker, Format format);

// Hands leadership to `to`; to the standby that the primary chooses when it is empty.
Result<std::string> switch_over(const ControlClient& client, const std::string& to, Format format);

}  // namespace tandem::ctl
