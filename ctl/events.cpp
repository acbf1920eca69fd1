#include "ctl/events.hpp"

#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/printable.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::ctl {

namespace {

constexpr Duration poll_interval = 500ms;

struct Events {
  std::string lines;
  std::string last;  // empty: there were none
};

std::string text_of(const nlohmann::json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_string() ? printable(found->get<std::string>())
                                                    : std::string();
}

std::string line_of(const nlohmann::json& event) {
  auto line = fmt::format("{}  {:<11} {}", text_of(event, "time"), text_of(event, "kind"),
                          text_of(event, "text"));
  const auto reason = text_of(event, "reason");
  const auto before = text_of(event, "before");
  const auto after = text_of(event, "after");
  if (!reason.empty()) line += fmt::format(" ({})", reason);
  if (!before.empty() && !after.empty()) line += fmt::format(" [{} -> {}]", before, after);
  if (const auto by = event.find("by"); by != event.end() && by->is_object()) {
    line += fmt::format(" by {} from {}", text_of(*by, "name"), text_of(*by, "from"));
  }
  return fmt::format("{}  {} {}", line, text_of(event, "node"), text_of(event, "id"));
}

Result<Events> read(const ControlClient& client, const std::string& since, Format format) {
  std::string path = "/events";
  if (!since.empty()) {
    path += "?since=";
    for (const auto each : since) path += each == '+' ? std::string("%2B") : std::string(1, each);
  }
  const auto body = client.get(path);
  if (!body) return body.error();
  const auto json = wire::parse_object(*body, limits::status_bytes_max);
  if (!json) return json.error();
  Events events;
  if (json->value("missed", false) && format == Format::tables) {
    events.lines = "(some events in between are not kept any more)\n";
  }
  for (const auto& event : json->value("events", nlohmann::json::array())) {
    if (!event.is_object()) continue;
    const auto line = format == Format::json ? event.dump() : line_of(event);
    events.lines += line + "\n";
    events.last = text_of(event, "id");
  }
  return events;
}

}  // namespace

Result<std::string> show_events(const ControlClient& client, const std::string& since,
                                Format format) {
  auto events = read(client, since, format);
  if (!events) return events.error();
  return std::move(events->lines);
}

Result<> follow_events(const ControlClient& client, std::string since, Format format,
                       const std::function<bool(const std::string& lines)>& print) {
  for (bool answered = false;; answered = true) {
    const auto events = read(client, since, format);
    if (!events && (!answered || events.error().code == ErrorCode::invalid)) return events.error();
    if (events && !events->last.empty()) since = events->last;
    if (events && !events->lines.empty() && !print(events->lines)) return {};
    std::this_thread::sleep_for(events ? poll_interval : 2 * poll_interval);
  }
}

}  // namespace tandem::ctl
