#include "common/wire/json_reader.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"

namespace tandem::wire {

using nlohmann::json;

namespace {

// Watches the parser at work, to stop it at the first thing that the document must not have. It is
// thrown through the parser, which has no other way out, and caught in parse_object().
struct Refused {
  Error error;
};

class Watcher {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= limits::json_depth_max) {
          throw Refused{invalid(
              fmt::format("the document is nested deeper than {} levels", limits::json_depth_max))};
        }
        keys_.resize(static_cast<std::size_t>(depth) + 1);
        keys_.back().clear();
        break;
      case json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second) {
          const auto shown = key.substr(0, limits::name_bytes_max);
          throw Refused{invalid(fmt::format("\"{}\" is given twice", shown), shown)};
        }
        break;
      }
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end: keys_.resize(static_cast<std::size_t>(depth)); break;
      case json::parse_event_t::value: break;
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects that are open, outermost first
};

}  // namespace

Result<json> parse_object(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return invalid(fmt::format("the document is longer than {} bytes", bytes_max));
  }
  Watcher watcher;
  try {
    auto parsed = json::parse(text.begin(), text.end(), std::ref(watcher));
    if (!parsed.is_object()) return invalid("the document must be a JSON object");
    return parsed;
  } catch (const Refused& refused) {
    return refused.error;
  } catch (const json::parse_error& error) {
    return invalid(fmt::format("the document is not JSON (at byte {})", error.byte));
  } catch (const json::exception&) {
    return invalid("the document is not JSON (a number is out of range)");
  }
}

std::string dump(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

MemberReader::MemberReader(const json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object_.is_object()) error_ = invalid(fmt::format("{} must be an object", path_), path_);
}

const json* MemberReader::find(const char* key, Presence presence) {
  known_.insert(key);
  if (failed()) return nullptr;
  const auto found = object_.find(key);
  if (found != object_.end()) return &*found;
  if (presence == Presence::required) refuse(key, "is missing");
  return nullptr;
}

void MemberReader::text(const char* key, std::string& value, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return;
  if (!member->is_string()) return refuse(key, "must be a string");
  value = member->get_ref<const std::string&>();
}

void MemberReader::name(const char* key, std::string& value, Presence presence) {
  std::string read = value;
  text(key, read, presence);
  if (failed() || !object_.contains(key)) return;
  auto parsed = parse_name(read, path_of(key));
  if (!parsed.ok()) return refuse(parsed.error());
  value = std::move(*parsed);
}

void MemberReader::boolean(const char* key, bool& value, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return;
  if (!member->is_boolean()) return refuse(key, "must be true or false");
  value = member->get<bool>();
}

void MemberReader::numeric_endpoint(const char* key, Endpoint& value) {
  std::string read;
  text(key, read);
  if (failed()) return;
  auto parsed = parse_endpoint(read, path_of(key));
  if (!parsed.ok()) return refuse(parsed.error());
  if (!parsed->is_numeric()) return refuse(key, "must be a numeric address, not a host name");
  if (parsed->port == 0) return refuse(key, "must have a port above 0");
  value = std::move(*parsed);
}

std::optional<std::uint64_t> MemberReader::whole_number(const char* key, std::uint64_t min,
                                                        std::uint64_t max, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return std::nullopt;
  // A negative, fractional or huge number is not number_unsigned.
  if (member->is_number_unsigned()) {
    const auto value = member->get<std::uint64_t>();
    if (value >= min && value <= max) return value;
  }
  refuse(key, fmt::format("must be a whole number from {} to {}", min, max));
  return std::nullopt;
}

const json* MemberReader::object(const char* key, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr || member->is_null()) return nullptr;
  if (member->is_object()) return member;
  refuse(key, "must be an object");
  return nullptr;
}

const json* MemberReader::array(const char* key, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return nullptr;
  if (member->is_array()) return member;
  refuse(key, "must be an array");
  return nullptr;
}

bool MemberReader::is_null(const char* key) {
  const auto* member = find(key, Presence::optional);
  return member == nullptr || member->is_null();
}

void MemberReader::refuse(std::string_view key, std::string_view why) {
  const auto path = path_of(key);
  refuse(invalid(fmt::format("{} {}", path, why), path));
}

void MemberReader::refuse(const Error& error) {
  if (!failed()) error_ = error;
}

std::string MemberReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

Result<> MemberReader::finish(UnknownMembers unknown) {
  if (!failed() && unknown != UnknownMembers::ignore) {
    for (const auto& [key, value] : object_.items()) {
      if (known_.contains(key)) continue;
      if (unknown == UnknownMembers::ignore_scalars && !value.is_structured()) continue;
      refuse(key.substr(0, limits::name_bytes_max), "is not known here");
      break;
    }
  }
  if (failed()) return *error_;
  return {};
}

}  // namespace tandem::wire
