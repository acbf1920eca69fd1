// bound_command.hpp: a command of `tandem` as it was declared, and what it does.
//
// A file declares its commands on the CLI::App, and adds each to the list with a function that runs
// it. What the flags of a command say lives in what that function holds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "ctl/commands.hpp"
#include "ctl/draining.hpp"

namespace CLI {
class App;
}

namespace tandem::ctl {

struct BoundCommand {
  const CLI::App* command;
  // The text to print.
  std::function<Result<std::string>(const ControlClient&, const Waiting&, Format)> run;
  bool at_each = false;  // asks each master of --control, for it is about that one alone
};

using BoundCommands = std::vector<BoundCommand>;

// Declares a command; its flags may be given before and behind it.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& help);

// The one that was given; null: none of these.
const BoundCommand* given(const BoundCommands& commands);

// Who is asked, and by whom.
struct Masters {
  std::vector<Endpoint> controls;
  std::string token;
  tls::CurrentCredentialsPtr credentials;
};
// Runs it at each of the masters; where there are several, each answer under its address, but for
// JSON. Errors: the first; those after it are not asked.
Result<std::string> run_at_each(const BoundCommand& command, const Masters& masters,
                                const Waiting& waiting, Format format);

}  // namespace tandem::ctl
