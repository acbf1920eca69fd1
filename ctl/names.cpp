#include "ctl/names.hpp"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/base/command_line.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::ctl {

namespace {

// Of a list of the document. What is no name would be for the shell to read: it is left out.
std::string names_in(const nlohmann::json& document, const std::string& list, bool only_backends) {
  std::string lines;
  const auto all = document.find(list);
  if (all == document.end() || !all->is_array()) return lines;
  for (const auto& each : *all) {
    if (!each.is_object()) continue;
    const auto name = each.find("name");
    const auto kind = each.find("kind");
    if (name == each.end() || !name->is_string()) continue;
    if (only_backends && kind != each.end() && *kind == "tandem") continue;
    if (const auto parsed = parse_name(name->get<std::string>(), "name")) lines += *parsed + '\n';
  }
  return lines;
}

}  // namespace

void add_names_command(CLI::App& app, BoundCommands& commands) {
  const auto kind = std::make_shared<std::string>();
  auto* command = add_command(app, "complete", "names that may come next, for a shell");
  command->group("");
  bind_value(*command, "KIND", "", "workers, backends, services or masters",
             [kind](std::string_view text, std::string_view) -> Result<> {
               for (const auto* const known : {"workers", "backends", "services", "masters"}) {
                 if (text == known) *kind = text;
               }
               if (kind->empty())
                 return invalid("KIND must be workers, backends, services or masters");
               return {};
             })
      ->required();
  commands.push_back(
      {command, [kind](const ControlClient& client, const Waiting&, Format) -> Result<std::string> {
         const bool only_backends = *kind == "backends";
         const auto list = only_backends ? std::string("workers") : *kind;
         const auto answer = client.get("/v1/" + list);
         if (!answer) return answer.error();
         const auto document = wire::parse_object(*answer, limits::status_bytes_max);
         if (!document) return document.error();
         return names_in(*document, list, only_backends);
       }});
}

}  // namespace tandem::ctl
