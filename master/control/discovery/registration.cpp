#include "master/control/discovery/registration.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "common/base/secret.hpp"
#include "common/wire/json_reader.hpp"
#include "master/control/discovery/limits.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;
using wire::MemberReader;

// Of a worker whose registration says nothing: as those that heartbeat, which it stands beside.
constexpr unsigned weight_unsaid = 100;

constexpr std::size_t name_kept_max = 48;
constexpr std::size_t name_digits = 12;

constexpr std::uint64_t number_max = (std::uint64_t{1} << 53) - 1;

std::int64_t nanoseconds(Duration duration) { return duration.count(); }

Json document_of(const ProbedCheck& probe) {
  return {{"target", probe.target},
          {"path", probe.path},
          {"port", probe.port},
          {"interval", nanoseconds(probe.interval)},
          {"timeout", nanoseconds(probe.timeout)},
          {"healthy", probe.healthy},
          {"unhealthy", probe.unhealthy}};
}

Json document_of(const RegisteredCheck& check, Extent extent, Instant now) {
  Json json{{"id", check.id}};
  if (extent == Extent::whole) {
    json["name"] = check.name;
    json["notes"] = check.notes;
    json["added"] = check.added;
    if (check.deregister_after) json["deregister_after"] = nanoseconds(*check.deregister_after);
    if (check.probe) json["probe"] = document_of(*check.probe);
  }
  if (!check.is_reported()) return json;
  json["ttl"] = nanoseconds(check.ttl);
  json["status"] = to_string(check.reported);
  json["output"] = check.output;
  json["edition"] = check.edition.number;
  json["node"] = check.edition.node;
  if (check.at != Instant::never())
    json["age"] = nanoseconds(std::max<Duration>(now - check.at, 0s));
  return json;
}

void read_edition(MemberReader& reader, Edition& edition) {
  reader.number("edition", edition.number, 0, number_max);
  if (edition.number > 0) reader.name("node", edition.node);
  // Of what was never said nobody in particular has said it.
  else
    reader.is_null("node");
}

Result<ProbedCheck> read_probe(const nlohmann::json& json) {
  ProbedCheck probe;
  MemberReader reader(json, "probe");
  reader.text("target", probe.target, limits::registered_text_bytes_max);
  reader.text("path", probe.path, limits::registered_text_bytes_max);
  reader.number("port", probe.port, 1, 65'535);
  reader.duration("interval", probe.interval);
  reader.duration("timeout", probe.timeout);
  reader.number("healthy", probe.healthy, 1, limits::registered_check_repeats_max);
  reader.number("unhealthy", probe.unhealthy, 1, limits::registered_check_repeats_max);
  if (probe.interval < Duration(limits::registered_interval_min)) {
    reader.refuse("interval", "is too short");
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore_scalars); !read) return read.error();
  return probe;
}

Result<RegisteredCheck> read_check(const nlohmann::json& json, Instant now) {
  RegisteredCheck check;
  MemberReader reader(json, "check");
  reader.text("id", check.id, limits::registered_id_bytes_max);
  reader.text("name", check.name, wire::Presence::optional);
  reader.text("notes", check.notes, wire::Presence::optional);
  reader.boolean("added", check.added, wire::Presence::optional);
  if (!reader.is_null("deregister_after")) {
    reader.duration("deregister_after", check.deregister_after.emplace());
  }
  if (const auto* object = reader.object("probe", wire::Presence::optional)) {
    auto probe = read_probe(*object);
    if (!probe) return probe.error();
    check.probe = std::move(*probe);
  }
  if (!reader.is_null("ttl")) {
    std::string status;
    reader.duration("ttl", check.ttl);
    reader.text("status", status);
    reader.text("output", check.output, limits::registered_output_bytes_max);
    read_edition(reader, check.edition);
    if (!reader.is_null("age")) {
      Duration age{0};
      reader.duration("age", age);
      check.at = now - std::min(age, check.ttl + 1s);
    }
    const auto parsed = parse_check_status(status);
    if (!parsed) reader.refuse("status", "must be passing, warning or critical");
    check.reported = parsed.value_or(CheckStatus::critical);
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore_scalars); !read) return read.error();
  return check;
}

Result<> read_whole(MemberReader& reader, Registration& registration) {
  std::string address;
  reader.name("service", registration.service);
  reader.name("worker", registration.worker);
  reader.text("owner", registration.owner, limits::registered_text_bytes_max);
  reader.name("incarnation", registration.incarnation);
  reader.numeric_endpoint("address", registration.address);
  for (const auto* tag : reader.elements("tags", limits::registered_tags_max)) {
    if (!tag->is_string()) return invalid("tags must be texts", "tags");
    registration.tags.push_back(tag->get<std::string>());
  }
  if (const auto* meta = reader.object("meta")) {
    for (const auto& [key, value] : meta->items()) {
      if (!value.is_string()) return invalid("meta must hold texts", "meta");
      registration.meta.emplace(key, value.get<std::string>());
    }
  }
  if (const auto* weights = reader.object("weights", wire::Presence::optional)) {
    MemberReader part(*weights, "weights");
    auto& said = registration.weights.emplace();
    part.number("passing", said.passing, 0, limits::weight_max);
    part.number("warning", said.warning, 0, limits::weight_max);
    return part.finish(wire::UnknownMembers::ignore_scalars);
  }
  return {};
}

}  // namespace

const char* to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::passing: return "passing";
    case CheckStatus::warning: return "warning";
    case CheckStatus::critical: return "critical";
  }
  assertion_failed("a known status of a check", __FILE__, __LINE__);
}

std::optional<CheckStatus> parse_check_status(std::string_view word) {
  for (const auto each : {CheckStatus::passing, CheckStatus::warning, CheckStatus::critical}) {
    if (word == to_string(each)) return each;
  }
  return std::nullopt;
}

CheckStatus RegisteredCheck::status(Instant now) const {
  TANDEM_ASSERT(is_reported());
  const bool is_over = at == Instant::never() || now - at > ttl;
  return is_over ? CheckStatus::critical : reported;
}

std::string RegisteredCheck::said(Instant now) const {
  if (at == Instant::never()) return "nothing was reported yet";
  if (now - at > ttl) return fmt::format("nothing was reported for {}", tandem::to_string(ttl));
  return output;
}

CheckStatus Registration::reported(Instant now) const {
  auto worst = CheckStatus::passing;
  for (const auto& check : checks) {
    if (check.is_reported()) worst = std::max(worst, check.status(now));
  }
  return worst;
}

unsigned Registration::weight(Instant now) const {
  if (!weights) return weight_unsaid;
  return reported(now) == CheckStatus::warning ? weights->warning : weights->passing;
}

std::optional<ProbedCheck> Registration::probed() const {
  for (const auto& check : checks) {
    if (check.probe) return check.probe;
  }
  if (!checks.empty()) return std::nullopt;
  return ProbedCheck{.port = address.port,
                     .interval = limits::unchecked_interval,
                     .timeout = limits::unchecked_timeout};
}

std::size_t Registration::bytes() const {
  auto sum = id.size() + worker.size() + owner.size() + service.size();
  for (const auto& tag : tags) sum += tag.size();
  for (const auto& [key, value] : meta) sum += key.size() + value.size();
  for (const auto& check : checks) {
    sum += check.id.size() + check.name.size() + check.notes.size();
    if (check.probe) sum += check.probe->target.size() + check.probe->path.size();
  }
  return sum;
}

std::string worker_name_of(std::string_view id) {
  if (is_name(id)) return std::string(id);
  std::string name(id.substr(0, name_kept_max));
  for (auto& byte : name) {
    if (!is_name({&byte, 1})) byte = '-';
  }
  return fmt::format("{}-{}", name, digest(id).substr(0, name_digits));
}

nlohmann::ordered_json document_of(const Registration& registration, Extent extent, Instant now) {
  Json json{{"id", registration.id},
            {"edition", registration.edition.number},
            {"node", registration.edition.node}};
  if (registration.removed) {
    json["removed"] = true;
    return json;
  }
  if (extent == Extent::whole) {
    json["service"] = registration.service;
    json["worker"] = registration.worker;
    json["owner"] = registration.owner;
    json["incarnation"] = registration.incarnation;
    json["address"] = registration.address.to_string();
    json["tags"] = registration.tags;
    json["meta"] = Json::object();
    for (const auto& [key, value] : registration.meta) json["meta"][key] = value;
    if (const auto& said = registration.weights) {
      json["weights"] = {{"passing", said->passing}, {"warning", said->warning}};
    }
  }
  auto checks = Json::array();
  for (const auto& check : registration.checks) {
    checks.push_back(document_of(check, extent, now));
  }
  json["checks"] = std::move(checks);
  return json;
}

Result<Registration> read_registration(const nlohmann::json& json, Instant now) {
  if (!json.is_object()) return invalid("a registration is an object");
  Registration registration;
  MemberReader reader(json, "registration");
  reader.text("id", registration.id, limits::registered_id_bytes_max);
  read_edition(reader, registration.edition);
  reader.boolean("removed", registration.removed, wire::Presence::optional);
  if (!registration.removed) {
    if (!reader.is_null("service")) {
      if (auto read = read_whole(reader, registration); !read) return read.error();
    }
    for (const auto* each : reader.elements("checks", limits::registered_checks_max)) {
      auto check = read_check(*each, now);
      if (!check) return check.error();
      registration.checks.push_back(std::move(*check));
    }
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore_scalars); !read) return read.error();
  return registration;
}

}  // namespace tandem::master
