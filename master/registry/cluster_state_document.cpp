// The replicated state as a document.
#include "master/registry/cluster_state.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "common/base/name.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

namespace {

Error malformed(std::string message, std::string field) {
  return invalid(fmt::format("{}: {}", field, message), field);
}

Result<> read_drained(const nlohmann::json& json, ClusterState& state) {
  if (!json.is_array()) return malformed("must be a list of names", "drained");
  for (const auto& item : json) {
    if (!item.is_string() || !is_name(item.get_ref<const std::string&>())) {
      return malformed("must be a list of names", "drained");
    }
    state.put_drained(item.get<std::string>());
  }
  return {};
}

Result<> read_weights(const nlohmann::json& json, ClusterState& state) {
  if (!json.is_object()) return malformed("must be an object of names and numbers", "weights");
  for (const auto& [name, weight] : json.items()) {
    if (!is_name(name) || !weight.is_number_unsigned() ||
        weight.get<std::uint64_t>() > limits::weight_max) {
      return malformed(fmt::format("must have numbers from 0 to {}", limits::weight_max),
                       "weights");
    }
    state.put_weight(name, weight.get<unsigned>());
  }
  return {};
}

// Lists of changes, in the form of those that made the state.
template <class Kind>
Result<> read_changes(const nlohmann::json& json, const char* member, ClusterState& state) {
  if (!json.is_array()) return malformed("must be a list of changes", member);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto place = fmt::format("{}[{}]", member, i);
    const auto change = read_change(json[i]);
    if (!change) {
      return fail(change.error().code, fmt::format("{}: {}", place, change.error().message));
    }
    if (!std::holds_alternative<Kind>(*change))
      return malformed("is another kind of change", place);
    if (const auto applied = state.apply(*change); !applied) {
      return malformed(applied.error().message, place);
    }
  }
  return {};
}

// Builds a JSON array from texts that are JSON already.
class List {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    if (text_.size() > 1) text_ += ',';
    ((text_ += parts), ...);
  }
  std::string text() const { return text_ + ']'; }

 private:
  std::string text_ = "[";
};

}  // namespace

// Its thousands of parts are JSON already and are joined as text, because the control loop does
// nothing else meanwhile.
std::string to_json(const ClusterState& state) {
  List joined;
  for (const auto& [name, worker] : state.joined) joined.add(to_json(Change(Join{name, worker})));
  List added;
  for (const auto& [name, spec] : state.added) added.add(R"({"add":)", wire::to_json(spec), "}");
  List routes;
  for (const auto& [key, route] : state.routes) {
    routes.add(R"({"route":)", wire::to_json(route), "}");
  }
  List removed;
  for (const auto& worker : state.removed) removed.add(to_json(Change(worker)));
  List settings;
  for (const auto& [service, said] : state.settings) {
    settings.add(to_json(Change(SetSettings{service, said})));
  }
  List masters;  // earlier versions have none, and refuse unknown members
  for (const auto& [name, master] : state.masters) {
    masters.add(to_json(Change(AdmitMaster{name, master})));
  }
  const auto of_masters =
      state.masters.empty() ? "" : fmt::format(R"("masters":{},)", masters.text());
  const nlohmann::json names(state.drained);
  const nlohmann::json weights(
      nlohmann::json::object_t(state.weights.begin(), state.weights.end()));
  return fmt::format(R"({{"format":{},"joined":{},"drained":{},"weights":{},"added":{},)"
                     R"("routes":{},"removed":{},"settings":{},{}"secret":"{}"}})",
                     state.feature_level, joined.text(), names.dump(), weights.dump(), added.text(),
                     routes.text(), removed.text(), settings.text(), of_masters, state.secret);
}

Result<wire::FeatureLevel> read_format(const nlohmann::json& json) {
  const auto found = json.is_object() ? json.find("format") : json.end();
  if (found == json.end() || !found->is_number_unsigned()) {
    return malformed("must be a number", "format");
  }
  const wire::FeatureLevel format(found->get<std::uint64_t>());
  if (format >= wire::features::oldest && format <= wire::features::newest) return format;
  return fail(ErrorCode::conflict,
              fmt::format("format: {} is of another version; this one reads {}", format,
                          wire::features::newest),
              "format");
}

Result<ClusterState> parse_cluster_state(std::string_view text) {
  const auto json = wire::parse_object(text, limits::snapshot_bytes_max);
  if (!json) return json.error();
  return read_cluster_state(*json);
}

Result<ClusterState> read_cluster_state(const nlohmann::json& json) {
  if (!json.is_object()) return invalid("the state must be a JSON object");
  constexpr std::array members{"format", "joined", "drained", "weights", "added", "routes"};
  // Absent from documents of earlier versions.
  constexpr std::array later_members{"removed", "settings", "masters", "secret"};
  for (const auto& [member, value] : json.items()) {
    if (std::find(members.begin(), members.end(), member) == members.end() &&
        std::find(later_members.begin(), later_members.end(), member) == later_members.end()) {
      return fail(ErrorCode::conflict,
                  fmt::format("has an unknown member \"{}\"", member.substr(0, 64)), member);
    }
  }
  for (const auto* member : members) {
    if (!json.contains(member)) return malformed("is missing", member);
  }
  const auto format = read_format(json);
  if (!format) return format.error();
  ClusterState state;
  state.put_feature_level(*format);
  // Read first, because a removal deletes the records of its name.
  if (json.contains("removed")) {
    if (auto read = read_changes<RemoveWorker>(json["removed"], "removed", state); !read)
      return read.error();
  }
  if (auto read = read_changes<Join>(json["joined"], "joined", state); !read) return read.error();
  if (auto read = read_drained(json["drained"], state); !read) return read.error();
  if (auto read = read_weights(json["weights"], state); !read) return read.error();
  if (auto read = read_changes<AddWorker>(json["added"], "added", state); !read)
    return read.error();
  if (auto read = read_changes<SetRoute>(json["routes"], "routes", state); !read)
    return read.error();
  if (json.contains("settings")) {
    if (auto read = read_changes<SetSettings>(json["settings"], "settings", state); !read)
      return read.error();
  }
  if (json.contains("masters")) {
    if (auto read = read_changes<AdmitMaster>(json["masters"], "masters", state); !read)
      return read.error();
  }
  if (const auto secret = json.find("secret"); secret != json.end()) {
    if (!secret->is_string()) return malformed("must be a text", "secret");
    const auto& digits = secret->get_ref<const std::string&>();
    if (!digits.empty() && !is_secret(digits)) {
      return malformed("must be 64 hexadecimal digits", "secret");
    }
    if (!digits.empty()) state.put_secret(digits);
  }
  return state;
}

}  // namespace tandem::master
