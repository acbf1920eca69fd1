#include "master/registry/change.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/term_proof.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;

// Higher than any level that will ever exist.
constexpr std::uint64_t feature_level_max = 1'000'000;

constexpr std::string_view author_member = "by";

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

Json document_of(const Join& join) {
  Json worker{{"name", join.name},
              {"service", join.worker.service},
              {"address", join.worker.address.to_string()},
              {"weight", join.worker.weight},
              {"connections", join.worker.connections},
              {"takes_term", join.worker.takes_term}};
  if (!join.worker.incarnation.empty()) worker["incarnation"] = join.worker.incarnation;
  if (join.worker.protocol) worker["protocol"] = wire::to_string(*join.worker.protocol);
  if (join.worker.tls) worker["tls"] = true;
  if (join.worker.witness && join.worker.witness->dials()) {
    worker["witness_dials"] = join.worker.witness->incarnation;
  } else if (join.worker.witness) {
    worker["witness_incarnation"] = join.worker.witness->incarnation;
    worker["witness_control"] = join.worker.witness->control.to_string();
  }
  return worker;
}

Result<Change> read_join(const nlohmann::json& json) {
  Join join;
  wire::MemberReader reader(json, "join");
  reader.name("name", join.name);
  reader.name("service", join.worker.service);
  reader.numeric_endpoint("address", join.worker.address);
  reader.number("weight", join.worker.weight, 0, limits::weight_max);
  reader.number("connections", join.worker.connections, 1, limits::worker_connections_max);
  reader.boolean("takes_term", join.worker.takes_term);
  reader.name("incarnation", join.worker.incarnation, wire::Presence::optional);
  join.worker.protocol = wire::read_worker_protocol(reader);
  reader.boolean("tls", join.worker.tls, wire::Presence::optional);
  join.worker.witness = wire::read_witness_offer(reader);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(join));
}

Result<Change> read_weight(const nlohmann::json& json) {
  SetWeight change;
  wire::MemberReader reader(json, "weight");
  reader.name("name", change.name);
  if (!reader.is_null("weight")) {
    reader.number("weight", change.weight.emplace(), 0, limits::weight_max);
  }
  reader.boolean("configured", change.configured, wire::Presence::optional);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

// The form for a --backend: {"name": ..., "configured": true}
Result<Change> read_drained(const nlohmann::json& json, const std::string& verb) {
  SetDrained change{.name = {}, .drained = verb == "drain"};
  wire::MemberReader reader(json, verb);
  reader.name("name", change.name);
  reader.boolean("configured", change.configured);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

Result<Change> read_add(const nlohmann::json& json) {
  auto spec = wire::parse_worker_spec(json.dump());
  if (!spec) return spec.error();
  return Change(AddWorker{std::move(*spec)});
}

Result<Change> read_route(const nlohmann::json& json) {
  auto route = wire::parse_route(json.dump());
  if (!route) return route.error();
  return Change(SetRoute{std::move(*route)});
}

Result<Change> read_unroute(const nlohmann::json& json) {
  RemoveRoute change;
  wire::MemberReader reader(json, "unroute");
  reader.text("host", change.host);
  reader.text("prefix", change.prefix);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

Result<Change> read_settings(const nlohmann::json& json) {
  SetSettings change;
  wire::MemberReader reader(json, "settings");
  reader.name("service", change.service);
  wire::read_settings(reader, change.settings);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

Result<Change> read_dismissal(const nlohmann::json& json) {
  RemoveWorker change;
  wire::MemberReader reader(json, "dismiss");
  reader.name("name", change.name);
  reader.name("incarnation", change.incarnation);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

Result<Change> read_secret(wire::MemberReader& reader) {
  SetSecret change;
  reader.text("secret", change.secret);
  if (!is_secret(change.secret)) reader.refuse("secret", "must be 64 hexadecimal digits");
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(change));
}

Result<Change> read_feature_level(wire::MemberReader& reader) {
  RaiseFeatureLevel change;
  reader.number("feature_level", change.level, wire::features::oldest.value(), feature_level_max);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(change);
}

Json document_of(const std::string& name, const MasterRecord& master) {
  Json json{{"name", name}, {"address", master.address.to_string()}};
  if (!master.replaces.empty()) json["replaces"] = master.replaces;
  return json;
}

void read_master(wire::MemberReader& reader, AdmitMaster& admit) {
  std::string address;
  reader.name("name", admit.name);
  reader.text("address", address);
  if (!reader.is_null("replaces")) reader.name("replaces", admit.master.replaces);
  if (reader.failed()) return;
  auto parsed = parse_endpoint(address, "address");
  if (!parsed) return reader.refuse(parsed.error());
  if (parsed->port == 0) return reader.refuse("address", "must have a port above 0");
  admit.master.address = std::move(*parsed);
}

Result<Change> read_admit(const nlohmann::json& json) {
  AdmitMaster admit;
  wire::MemberReader reader(json, "admit");
  read_master(reader, admit);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(admit));
}

Result<Change> read_masters(wire::MemberReader& reader) {
  SetMasters set;
  std::size_t index = 0;
  for (const auto* element : reader.elements("masters", limits::masters_max)) {
    if (!element->is_object()) return invalid("masters must be an array of objects", "masters");
    AdmitMaster admit;
    wire::MemberReader part(*element, reader.path_of("masters", index++));
    read_master(part, admit);
    if (const auto read = part.finish(wire::UnknownMembers::refuse); !read) return read.error();
    if (!set.masters.emplace(admit.name, admit.master).second) {
      return invalid(fmt::format("masters: {} is there twice", admit.name), "masters");
    }
  }
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return Change(std::move(set));
}

struct ObjectChange {
  const char* verb;
  Result<Change> (*read)(const nlohmann::json&);
};
constexpr std::array<ObjectChange, 8> object_changes{{{"join", read_join},
                                                      {"admit", read_admit},
                                                      {"weight", read_weight},
                                                      {"add", read_add},
                                                      {"route", read_route},
                                                      {"unroute", read_unroute},
                                                      {"settings", read_settings},
                                                      {"dismiss", read_dismissal}}};

// Members that older versions refuse.
bool speaks_of_protocols(const wire::RequestRules& rules) {
  return (rules.retry_on && rules.retry_on->has_grpc()) ||
         (rules.retry_methods && rules.retry_methods->names_calls());
}

bool speaks_of_protocols(const wire::ServiceSettings& settings) {
  return settings.protocol || settings.check || speaks_of_protocols(settings.rules);
}

bool speaks_of_edge(const wire::RequestRules& rules) {
  return rules.client_certificate.has_value();
}

wire::FeatureLevel level_of(const wire::RequestRules& rules) {
  if (speaks_of_edge(rules)) return wire::features::edge_settings;
  return speaks_of_protocols(rules) ? wire::features::worker_protocols : wire::features::oldest;
}

wire::FeatureLevel level_of(const wire::ServiceSettings& settings) {
  const bool is_newer = settings.upstream_tls || settings.upstream_ca || settings.upstream_name ||
                        settings.upstream_cert || settings.proxy_protocol ||
                        speaks_of_edge(settings.rules);
  if (is_newer) return wire::features::edge_settings;
  return speaks_of_protocols(settings) ? wire::features::worker_protocols : wire::features::oldest;
}

wire::FeatureLevel level_of(const Join& join) {
  if (join.worker.witness && join.worker.witness->dials()) return wire::features::dialing_witnesses;
  if (join.worker.tls) return wire::features::inner_tls;
  if (join.worker.protocol) return wire::features::worker_protocols;
  return join.worker.incarnation.empty() ? wire::features::oldest : wire::features::agreed_state;
}

}  // namespace

wire::FeatureLevel level_needed(const AuthoredChange& authored) {
  const auto needed = level_needed(authored.change);
  return authored.by.empty() ? needed : std::max(needed, wire::features::change_authors);
}

bool is_secret(std::string_view text) {
  return text.size() == 2 * wire::secret_bytes &&
         std::all_of(text.begin(), text.end(), is_hex_digit);
}

std::string subject_of(const Change& change) {
  return std::visit(Overloaded{[](const AddWorker& add) { return add.spec.name; },
                               [](const SetRoute&) { return std::string(); },
                               [](const RemoveRoute&) { return std::string(); },
                               [](const SetSettings&) { return std::string(); },
                               [](const RemoveSettings&) { return std::string(); },
                               [](const SetSecret&) { return std::string(); },
                               [](const RaiseFeatureLevel&) { return std::string(); },
                               [](const SetMasters&) { return std::string(); },
                               [](const AdmitMaster&) { return std::string(); },
                               [](const ExpelMaster&) { return std::string(); },
                               [](const auto& other) { return other.name; }},
                    change);
}

wire::FeatureLevel level_needed(const Change& change) {
  const auto if_newer = [](bool newer) {
    return newer ? wire::features::agreed_state : wire::features::oldest;
  };
  return std::visit(
      Overloaded{[](const RaiseFeatureLevel& raise) { return raise.level; },
                 [](const Join& join) { return level_of(join); },
                 [](const SetSettings& set) { return level_of(set.settings); },
                 [](const SetRoute& set) { return level_of(set.route.rules); },
                 [&](const SetDrained& change) { return if_newer(change.configured); },
                 [&](const SetWeight& change) { return if_newer(change.configured); },
                 [](const SetMasters&) { return wire::features::agreed_state; },
                 [](const AdmitMaster&) { return wire::features::agreed_state; },
                 [](const ExpelMaster&) { return wire::features::agreed_state; },
                 [](const auto&) { return wire::features::oldest; }},
      change);
}

namespace {

Json document_of(const Change& change) {
  const auto named = [](const char* verb, Json value) { return Json{{verb, std::move(value)}}; };
  return std::visit(
      Overloaded{
          [&](const Join& join) { return named("join", document_of(join)); },
          [&](const Leave& leave) { return named("leave", leave.name); },
          [&](const SetDrained& drain) {
            const auto* verb = drain.drained ? "drain" : "undrain";
            if (!drain.configured) return named(verb, drain.name);
            return named(verb, {{"name", drain.name}, {"configured", true}});
          },
          [&](const SetWeight& set) {
            Json value{{"name", set.name}, {"weight", nullptr}};
            if (set.weight) value["weight"] = *set.weight;
            if (set.configured) value["configured"] = true;
            return named("weight", std::move(value));
          },
          [&](const AddWorker& add) { return named("add", Json::parse(wire::to_json(add.spec))); },
          [&](const RemoveWorker& remove) {
            if (remove.incarnation.empty()) return named("remove", remove.name);
            return named("dismiss", {{"name", remove.name}, {"incarnation", remove.incarnation}});
          },
          [&](const SetRoute& set) {
            return named("route", Json::parse(wire::to_json(set.route)));
          },
          [&](const RemoveRoute& remove) {
            return named("unroute", {{"host", remove.host}, {"prefix", remove.prefix}});
          },
          [&](const SetSettings& set) {
            Json value{{"service", set.service}};
            wire::write_settings(set.settings, value);
            return named("settings", std::move(value));
          },
          [&](const RemoveSettings& remove) { return named("unset", remove.service); },
          [&](const SetSecret& set) { return named("secret", set.secret); },
          [&](const RaiseFeatureLevel& raise) {
            return named("feature_level", raise.level.value());
          },
          [&](const SetMasters& set) {
            auto list = Json::array();
            for (const auto& [name, master] : set.masters)
              list.push_back(document_of(name, master));
            return named("masters", std::move(list));
          },
          [&](const AdmitMaster& admit) {
            return named("admit", document_of(admit.name, admit.master));
          },
          [&](const ExpelMaster& expel) { return named("expel", expel.name); }},
      change);
}

}  // namespace

std::string to_json(const Change& change) { return wire::dump(document_of(change)); }

std::string to_json(const AuthoredChange& authored) {
  auto document = document_of(authored.change);
  if (!authored.by.empty()) document[std::string(author_member)] = wire::document_of(authored.by);
  return wire::dump(document);
}

Result<AuthoredChange> parse_authored_change(std::string_view text) {
  auto json = wire::parse_object(text, limits::command_bytes_max);
  if (!json) return json.error();
  AuthoredChange authored;
  if (const auto by = json->find(author_member); by != json->end()) {
    if (!by->is_object()) return invalid("by must be an object", "by");
    auto author = wire::read_author(*by, "by");
    if (!author) return author.error();
    authored.by = std::move(*author);
    json->erase(by);
  }
  auto change = read_change(*json);
  if (!change) return change.error();
  authored.change = std::move(*change);
  return authored;
}

Result<Change> parse_change(std::string_view text) {
  const auto json = wire::parse_object(text, limits::command_bytes_max);
  if (!json) return json.error();
  return read_change(*json);
}

Result<Change> read_change(const nlohmann::json& json) {
  if (!json.is_object() || json.size() != 1) {
    return invalid("a change is an object with one member, whose name is the kind of change");
  }
  const auto verb = json.begin().key();
  wire::MemberReader reader(json);
  for (const auto& change : object_changes) {
    if (verb != change.verb) continue;
    const auto* object = reader.object(change.verb);
    if (object == nullptr) return reader.finish(wire::UnknownMembers::refuse).error();  // no object
    return change.read(*object);
  }
  std::string name;
  if (verb == "secret") return read_secret(reader);
  if (verb == "feature_level") return read_feature_level(reader);
  if (verb == "masters") return read_masters(reader);
  if (verb != "leave" && verb != "drain" && verb != "undrain" && verb != "remove" &&
      verb != "unset" && verb != "expel") {
    return fail(ErrorCode::conflict,
                fmt::format("\"{}\" is not a change that this version knows", verb.substr(0, 64)));
  }
  if ((verb == "drain" || verb == "undrain") && json.begin()->is_object()) {
    return read_drained(*json.begin(), verb);
  }
  reader.name(verb.c_str(), name);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  if (verb == "leave") return Change(Leave{std::move(name)});
  if (verb == "expel") return Change(ExpelMaster{std::move(name)});
  if (verb == "unset") return Change(RemoveSettings{std::move(name)});
  if (verb == "remove") return Change(RemoveWorker{std::move(name)});
  return Change(SetDrained{std::move(name), verb == "drain"});
}

}  // namespace tandem::master
