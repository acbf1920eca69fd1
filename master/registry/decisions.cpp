#include "master/registry/decisions.hpp"

#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::json;

constexpr int format_written = 1;

Error malformed(std::string message, std::string field) {
  return invalid(fmt::format("{}: {}", field, message), field);
}

Result<> read_drained(const Json& json, Decisions& decisions) {
  if (!json.is_array()) return malformed("must be a list of names", "drained");
  for (const auto& item : json) {
    if (!item.is_string() || !is_name(item.get_ref<const std::string&>())) {
      return malformed("must be a list of names", "drained");
    }
    decisions.drained.insert(item.get<std::string>());
  }
  return {};
}

Result<> read_weights(const Json& json, Decisions& decisions) {
  if (!json.is_object()) return malformed("must be an object of names and numbers", "weights");
  for (const auto& [name, weight] : json.items()) {
    if (!is_name(name) || !weight.is_number_unsigned() ||
        weight.get<std::uint64_t>() > limits::weight_max) {
      return malformed(fmt::format("must be names and numbers from 0 to {}", limits::weight_max),
                       "weights");
    }
    decisions.weights.emplace(name, weight.get<unsigned>());
  }
  return {};
}

Result<> read_added(const Json& json, Decisions& decisions) {
  if (!json.is_array()) return malformed("must be a list of workers", "added");
  for (const auto& item : json) {
    auto spec = wire::parse_worker_spec(item.dump());
    if (!spec) return malformed(spec.error().message, "added");
    decisions.added.insert_or_assign(spec->name, *spec);
  }
  return {};
}

}  // namespace

std::string to_json(const Decisions& decisions) {
  Json added = Json::array();
  for (const auto& [name, spec] : decisions.added)
    added.push_back(Json::parse(wire::to_json(spec)));
  const Json json{{"format", format_written},
                  {"drained", decisions.drained},
                  {"weights", Json::object_t(decisions.weights.begin(), decisions.weights.end())},
                  {"added", std::move(added)}};
  return json.dump(2) + "\n";
}

Result<Decisions> parse_decisions(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return invalid("is not a JSON object");
  for (const auto& [member, value] : json.items()) {
    if (member != "format" && member != "drained" && member != "weights" && member != "added") {
      return invalid(fmt::format("has an unknown member \"{}\"", member.substr(0, 64)), member);
    }
  }
  if (!json.contains("format") || json["format"] != format_written) {
    return malformed(fmt::format("must be {}", format_written), "format");
  }
  for (const auto* member : {"drained", "weights", "added"}) {
    if (!json.contains(member)) return malformed("is missing", member);
  }
  Decisions decisions;
  if (auto read = read_drained(json["drained"], decisions); !read) return read.error();
  if (auto read = read_weights(json["weights"], decisions); !read) return read.error();
  if (auto read = read_added(json["added"], decisions); !read) return read.error();
  return decisions;
}

}  // namespace tandem::master
