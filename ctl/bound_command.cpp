#include "ctl/bound_command.hpp"

#include <CLI/CLI.hpp>

namespace tandem::ctl {

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& help) {
  return app.add_subcommand(name, help)->fallthrough();  // flags may also follow the command
}

const BoundCommand* given(const BoundCommands& commands) {
  for (const auto& each : commands) {
    if (each.command->parsed()) return &each;
  }
  return nullptr;
}

Result<std::string> run_at_each(const BoundCommand& command, const Masters& masters,
                                const Waiting& waiting, Format format) {
  std::string all;
  for (const auto& control : masters.controls) {
    const ControlClient client({control}, masters.token, masters.credentials);
    auto text = command.run(client, waiting, format);
    if (!text) return text;
    if (masters.controls.size() > 1 && format == Format::tables) all += control.to_string() + ":\n";
    all += *text;
    if (!all.ends_with('\n')) all += '\n';
  }
  return all;
}

}  // namespace tandem::ctl
