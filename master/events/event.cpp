#include "master/events/event.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "common/base/assert.hpp"
#include "common/wire/json_reader.hpp"
#include "master/events/limits.hpp"

namespace tandem::master {

// Not within a character of UTF-8.
std::string shortened(const std::string& text) {
  if (text.size() <= limits::event_text_bytes_max) return text;
  auto end = limits::event_text_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::role: return "role";
    case EventKind::worker: return "worker";
    case EventKind::change: return "change";
    case EventKind::request: return "request";
    case EventKind::voters: return "voters";
    case EventKind::protection: return "protection";
    case EventKind::panic: return "panic";
    case EventKind::reload: return "reload";
    case EventKind::certificate: return "certificate";
    case EventKind::disk: return "disk";
    case EventKind::discovery: return "discovery";
    case EventKind::publication: return "publication";
  }
  assertion_failed("a known kind of event", __FILE__, __LINE__);
}

std::string to_text(Event::Time time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto second = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                     (ms - second).count());
}

std::string to_json(const Event& event, const EventId& id, std::string_view node, Term term) {
  nlohmann::ordered_json json{{"id", to_string(id)},
                              {"time", to_text(event.time)},
                              {"term", term.value()},
                              {"node", node},
                              {"kind", to_string(event.kind)}};
  const auto add = [&json](const char* name, const std::string& text) {
    if (!text.empty()) json[name] = shortened(text);
  };
  add("what", event.what);
  add("subject", event.subject);
  add("text", event.text);
  add("reason", event.reason);
  add("before", event.before);
  add("after", event.after);
  if (!event.by.name.empty()) {
    json["by"] = wire::document_of(event.by);
  }
  return wire::dump(json);
}

}  // namespace tandem::master
