#include "ctl/configuration.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/command_line.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace {

using Json = nlohmann::ordered_json;

Result<Json> object_of(const Result<std::string>& answer) {
  if (!answer) return answer.error();
  auto json = Json::parse(*answer, nullptr, false);
  if (!json.is_object()) return invalid("the answer is no object of JSON");
  return json;
}

// As the file would have it.
std::string value_text(const Json& value) { return value.is_null() ? "" : value.dump(); }

std::string source_text(const Json& key, const std::string& file) {
  const auto source = key.value("source", "");
  return source == "file" ? fmt::format("{}:{}", file, key.value("line", 0)) : source;
}

Result<std::string> show(const ControlClient& client, bool all, Format format) {
  auto answer = client.get("/v1/config");
  if (format == Format::json) return answer;
  const auto json = object_of(answer);
  if (!json) return json.error();
  const auto file = json->value("file", "");
  Table table({{"KEY"}, {"VALUE"}, {"FROM"}, {"A CHANGE COUNTS"}});
  for (const auto& key : json->value("keys", Json::array())) {
    if (!all && key.value("source", "") == "default") continue;
    table.add({key.value("key", ""), value_text(key.value("value", Json())), source_text(key, file),
               key.value("change", "")});
  }
  return table.to_string();
}

void add_changes(Table& table, const Json& changes, const char* outcome) {
  for (const auto& each : changes) {
    const auto why = each.value("why", "");
    const auto before = each.value("before", "");
    const auto after = each.value("after", "");
    table.add({each.value("key", ""), before.empty() ? "not set" : before,
               after.empty() ? "not set" : after, why.empty() ? outcome : why});
  }
}

// What differs: by the names of the two lists in the answer.
Result<std::string> changes_of(const Result<std::string>& answer, const char* done,
                               const char* left, const char* outcome, const char* nothing) {
  const auto json = object_of(answer);
  if (!json) return json.error();
  const auto first = json->value(done, Json::array());
  const auto second = json->value(left, Json::array());
  const auto renewed = json->value("renewed", Json::array());
  if (first.empty() && second.empty() && renewed.empty()) return std::string(nothing);
  Table table({{"KEY"}, {"BEFORE"}, {"AFTER"}, {"OUTCOME"}});
  add_changes(table, first, outcome);
  for (const auto& key : renewed) {
    if (!key.is_string()) continue;
    table.add({key.get<std::string>(), "", "", "its file has other content, which applies now"});
  }
  add_changes(table, second, "");
  if (second.empty()) return table.to_string();
  return table.to_string() +
         "`tandem upgrade` changes what needs a restart, and no request is lost\n";
}

Result<std::string> diff(const ControlClient& client, Format format) {
  auto answer = client.get("/v1/config/diff");
  if (format == Format::json) return answer;
  return changes_of(answer, "reloadable", "restart", "a reload applies it",
                    "the file says what is in force\n");
}

Result<std::string> reload(const ControlClient& client, Format format) {
  auto answer = client.post("/v1/reload");
  if (format == Format::json) return answer;
  return changes_of(answer, "applied", "refused", "applied", "read again; no key has changed\n");
}

Result<std::string> log_level(const ControlClient& client, const std::string& level,
                              Format format) {
  auto answer = level.empty() ? client.get("/v1/log/level")
                              : client.put("/v1/log/level", Json{{"level", level}}.dump());
  if (format == Format::json) return answer;
  const auto json = object_of(answer);
  if (!json) return json.error();
  return json->value("level", "") + "\n";
}

}  // namespace

void add_configuration_commands(CLI::App& app, BoundCommands& commands) {
  auto& config = *add_command(app, "config", "show the configuration of a master");
  config.require_subcommand(1);
  const auto all = std::make_shared<bool>(false);
  auto* shown = add_command(config, "show", "what is in force, and where it comes from");
  bind_switch(*shown, "--all", "also what is the default", *all);
  commands.push_back({shown,
                      [all](const ControlClient& client, const Waiting&, Format format) {
                        return show(client, *all, format);
                      },
                      true});
  commands.push_back({add_command(config, "diff", "what its file says that is not in force"),
                      [](const ControlClient& client, const Waiting&, Format format) {
                        return diff(client, format);
                      },
                      true});
  commands.push_back({add_command(app, "reload", "have a master read its configuration again"),
                      [](const ControlClient& client, const Waiting&, Format format) {
                        return reload(client, format);
                      },
                      true});
  auto& log = *add_command(app, "log", "show or change what a master logs");
  log.require_subcommand(1);
  const auto level = std::make_shared<std::string>();
  auto* set = add_command(log, "level", "show the lowest severity, or set it until a reload");
  bind_value(*set, "LEVEL", "", "debug, info, warning, error or off",
             [level](std::string_view text, std::string_view) -> Result<> {
               const auto parsed = parse_log_level(text, "LEVEL");
               if (!parsed) return parsed.error();
               *level = text;
               return {};
             });
  commands.push_back({set,
                      [level](const ControlClient& client, const Waiting&, Format format) {
                        return log_level(client, *level, format);
                      },
                      true});
}

}  // namespace tandem::ctl
