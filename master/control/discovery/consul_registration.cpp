#include "master/control/discovery/consul_registration.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/base/canonical_host.hpp"
#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "common/base/printable.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/control/discovery/limits.hpp"

namespace tandem::master {

namespace {

using nlohmann::json;

// A document of a caller: a name, tags, meta and checks.
constexpr std::size_t values_max = 1'024;

// An agent waits so long for the answer to a check that says nothing.
constexpr Duration check_timeout_unsaid = 10s;

// Control characters would reach logs and terminals; and an id that is empty is none.
bool is_text(std::string_view text) {
  while (!text.empty()) {
    const auto bytes = utf8_character_bytes(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (bytes == 0 || first < 0x20 || first == 0x7f) return false;
    if (bytes == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

// The members of an object as Go's decoder finds them. Keeps the first mistake.
class ConsulMembers {
 public:
  explicit ConsulMembers(const json& object) {
    for (const auto& [key, value] : object.items()) {
      auto name = lowered(key);
      std::erase(name, '_');
      if (value.is_null()) continue;
      if (!members_.emplace(name, &value).second) {
        refuse(invalid(fmt::format("{} is given twice", name), name));
      }
    }
  }

  const json* find(const char* key) const {
    const auto found = members_.find(key);
    return found == members_.end() ? nullptr : found->second;
  }

  std::string text(const char* key, std::size_t bytes_max) {
    const auto* member = find(key);
    if (member == nullptr) return {};
    if (!member->is_string()) return wrong(key, "must be a text"), std::string();
    auto value = member->get<std::string>();
    if (value.size() > bytes_max || !is_text(value)) {
      wrong(key, fmt::format("must be a text of at most {} bytes, without control characters",
                             bytes_max));
      return {};
    }
    return value;
  }

  unsigned number(const char* key, unsigned unsaid, unsigned min, unsigned max) {
    const auto* member = find(key);
    if (member == nullptr) return unsaid;
    if (member->is_number_unsigned() && member->get<std::uint64_t>() >= min &&
        member->get<std::uint64_t>() <= max) {
      return member->get<unsigned>();
    }
    wrong(key, fmt::format("must be a whole number from {} to {}", min, max));
    return unsaid;
  }

  // A text with units, or nanoseconds. Unset: it is not there, or empty.
  std::optional<Duration> duration(const char* key) {
    const auto* member = find(key);
    if (member == nullptr) return std::nullopt;
    if (member->is_number_unsigned()) {
      const auto count = member->get<std::uint64_t>();
      const auto most = static_cast<std::uint64_t>(
          std::chrono::duration_cast<Duration>(limits::registered_duration_max).count());
      if (count <= most) return Duration(static_cast<Duration::rep>(count));
    }
    if (!member->is_string()) return wrong(key, "must be a duration, as \"10s\""), std::nullopt;
    const auto& written = member->get_ref<const std::string&>();
    if (written.empty()) return std::nullopt;
    const auto parsed = parse_go_duration(written, key);
    if (parsed) return *parsed;
    refuse(parsed.error());
    return std::nullopt;
  }

  std::vector<std::string> texts(const char* key, std::size_t count_max, std::size_t bytes_max) {
    std::vector<std::string> list;
    const auto* member = find(key);
    if (member == nullptr) return list;
    const bool is_list = member->is_array() && member->size() <= count_max;
    if (!is_list)
      return wrong(key, fmt::format("must be a list of at most {} texts", count_max)), list;
    for (const auto& each : *member) {
      const bool is_well = each.is_string() &&
                           each.get_ref<const std::string&>().size() <= bytes_max &&
                           is_text(each.get_ref<const std::string&>());
      if (!is_well) {
        wrong(key, fmt::format("must hold texts of at most {} bytes each, without control "
                               "characters",
                               bytes_max));
        return {};
      }
      list.push_back(each.get<std::string>());
    }
    return list;
  }

  // Something that is there and asks for anything.
  void refuse_if_said(const char* key, std::string_view why) {
    const auto* member = find(key);
    if (member == nullptr) return;
    const bool says_nothing =
        (member->is_structured() && member->empty()) ||
        (member->is_string() && member->get_ref<const std::string&>().empty()) || *member == false;
    if (!says_nothing) wrong(key, why);
  }

  void wrong(std::string_view key, std::string_view why) {
    refuse(invalid(fmt::format("{} {}", key, why), std::string(key)));
  }
  void refuse(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::map<std::string, const json*, std::less<>> members_;
  std::optional<Error> error_;
};

// The agent that a check would be made from stands beside its service.
bool is_beside(const std::string& check_host, const std::string& host) {
  return check_host == "localhost" || Endpoint{check_host, 0}.is_loopback() ||
         canonical_host(check_host) == canonical_host(host);
}

struct CheckedPlace {
  std::uint16_t port = 0;
  std::string path{};
};

// http://HOST:PORT/PATH
std::optional<CheckedPlace> place_in(std::string_view url, const std::string& host,
                                     ConsulMembers& members) {
  constexpr std::string_view scheme = "http://";
  if (!lowered(std::string(url.substr(0, scheme.size()))).starts_with(scheme)) {
    members.wrong("http", "must begin with http://: masters make no checks over TLS");
    return std::nullopt;
  }
  url.remove_prefix(scheme.size());
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  auto authority = std::string(url.substr(0, end));
  auto path = std::string(url.substr(end));
  path.erase(std::min(path.find('#'), path.size()));
  if (!path.starts_with('/')) path.insert(path.begin(), '/');
  const bool has_port = authority.find(':') != authority.npos && !authority.ends_with(']');
  if (!has_port) authority += ":80";
  const auto parsed = parse_endpoint(authority, "http");
  const bool is_sendable = std::all_of(
      path.begin(), path.end(), [](unsigned char byte) { return byte > 0x20 && byte < 0x7f; });
  if (!parsed || parsed->port == 0 || !is_sendable) {
    members.wrong("http", "must be a URL, as http://10.0.0.1:8080/health");
    return std::nullopt;
  }
  if (!is_beside(parsed->host, host)) {
    members.wrong("http", fmt::format("must be at the service's own address, {}", host));
    return std::nullopt;
  }
  return CheckedPlace{parsed->port, std::move(path)};
}

// HOST:PORT
std::optional<CheckedPlace> place_of(std::string_view text, const std::string& host,
                                     ConsulMembers& members) {
  const auto parsed = parse_endpoint(text, "tcp");
  if (!parsed || parsed->port == 0) {
    members.wrong("tcp", "must be HOST:PORT");
    return std::nullopt;
  }
  if (!is_beside(parsed->host, host)) {
    members.wrong("tcp", fmt::format("must be at the service's own address, {}", host));
    return std::nullopt;
  }
  return CheckedPlace{.port = parsed->port};
}

void refuse_others(ConsulMembers& members) {
  constexpr std::string_view others = "is not done here: checks are ttl, http and tcp";
  for (const auto* key : {"args", "script", "dockercontainerid", "shell", "h2ping", "udp", "grpc",
                          "aliasnode", "aliasservice", "osservice"}) {
    members.refuse_if_said(key, others);
  }
  members.refuse_if_said("header", "is not sent by the masters' checks");
  members.refuse_if_said("body", "is not sent by the masters' checks");
  const auto method = members.text("method", limits::registered_text_bytes_max);
  if (!method.empty() && lowered(method) != "get") members.wrong("method", "must be GET");
}

// What `key` of a check asks for.
std::optional<ProbedCheck> probe_of(const std::string& key, const std::string& target,
                                    const std::string& host, ConsulMembers& members) {
  auto place = key == "http" ? place_in(target, host, members) : place_of(target, host, members);
  if (!place) return std::nullopt;
  ProbedCheck probe{.target = target, .path = std::move(place->path), .port = place->port};
  const auto interval = members.duration("interval");
  if (!interval || *interval < Duration(limits::registered_interval_min)) {
    members.wrong("interval", fmt::format("must be a duration of {} at least",
                                          tandem::to_string(limits::registered_interval_min)));
    return std::nullopt;
  }
  probe.interval = *interval;
  probe.timeout = std::clamp<Duration>(members.duration("timeout").value_or(check_timeout_unsaid),
                                       1ms, check_timeout_unsaid);
  const auto repeats = [&](const char* name) {
    return std::max(1u, members.number(name, 1, 0, limits::registered_check_repeats_max));
  };
  probe.healthy = repeats("successbeforepassing");
  probe.unhealthy = repeats("failuresbeforecritical");
  return probe;
}

Result<RegisteredCheck> read_check(ConsulMembers& members, const std::string& host) {
  RegisteredCheck check;
  refuse_others(members);
  check.id = members.text("checkid", limits::registered_id_bytes_max);
  check.name = members.text("name", limits::registered_text_bytes_max);
  check.notes = members.text("notes", limits::registered_text_bytes_max);
  const auto ttl = members.duration("ttl");
  std::vector<std::string> kinds;
  if (ttl) kinds.emplace_back("ttl");
  for (const auto* key : {"http", "tcp"}) {
    if (!members.text(key, limits::registered_text_bytes_max).empty()) kinds.emplace_back(key);
  }
  if (kinds.size() != 1) members.wrong("check", "must have one of ttl, http and tcp");
  if (!members.error() && ttl) {
    check.ttl = *ttl;
    if (*ttl < Duration(limits::registered_ttl_min)) {
      members.wrong(
          "ttl", fmt::format("must be {} at least", tandem::to_string(limits::registered_ttl_min)));
    }
  } else if (!members.error()) {
    const auto target = members.text(kinds.front().c_str(), limits::registered_text_bytes_max);
    check.probe = probe_of(kinds.front(), target, host, members);
  }
  if (const auto after = members.duration("deregistercriticalserviceafter");
      after && *after > Duration::zero()) {
    check.deregister_after = std::max<Duration>(*after, limits::deregister_after_min);
  }
  if (const auto status = members.text("status", limits::registered_text_bytes_max);
      !status.empty()) {
    const auto parsed = parse_check_status(status);
    if (!parsed) members.wrong("status", "must be passing, warning or critical");
    check.reported = parsed.value_or(CheckStatus::critical);
  }
  if (const auto& error = members.error()) return *error;
  return check;
}

// As an agent names checks that have no id of their own.
void name_checks(Registration& registration) {
  unsigned number = 0;
  for (auto& check : registration.checks) {
    ++number;
    if (check.id.empty()) {
      check.id = registration.checks.size() == 1
                     ? fmt::format("service:{}", registration.id)
                     : fmt::format("service:{}:{}", registration.id, number);
    }
    if (check.name.empty()) {
      check.name = fmt::format("Service '{}' check", registration.service);
    }
  }
}

std::string address_in(ConsulMembers& members, std::string_view caller_host) {
  const auto said = members.text("address", limits::registered_text_bytes_max);
  if (said.empty()) return canonical_host(std::string(caller_host));
  if (said == "localhost") return "127.0.0.1";
  const Endpoint address{said, 0};
  if (!address.is_numeric() || address.is_unspecified()) {
    members.wrong("address", "must be an IP address that can be connected to");
  }
  return canonical_host(said);
}

void read_meta(ConsulMembers& members, Registration& registration) {
  const auto* meta = members.find("meta");
  if (meta == nullptr) return;
  const bool is_object = meta->is_object() && meta->size() <= limits::registered_meta_max;
  if (!is_object) {
    return members.wrong(
        "meta", fmt::format("must be an object of at most {} texts", limits::registered_meta_max));
  }
  for (const auto& [key, value] : meta->items()) {
    const bool is_key = is_name(key) || (key.size() <= limits::registered_meta_key_bytes_max &&
                                         is_text(key) && !key.empty());
    const bool is_value =
        value.is_string() &&
        value.get_ref<const std::string&>().size() <= limits::registered_text_bytes_max &&
        is_text(value.get_ref<const std::string&>());
    if (!is_key || !is_value) {
      return members.wrong(
          "meta",
          fmt::format("must hold texts of at most {} bytes, keys of at most {}, without "
                      "control characters",
                      limits::registered_text_bytes_max, limits::registered_meta_key_bytes_max));
    }
    registration.meta.emplace(key, value.get<std::string>());
  }
}

void read_weights(ConsulMembers& members, Registration& registration) {
  const auto* weights = members.find("weights");
  if (weights == nullptr) return;
  if (!weights->is_object()) return members.wrong("weights", "must be an object");
  ConsulMembers part(*weights);
  registration.weights = {.passing = part.number("passing", 1, 1, limits::weight_max),
                          .warning = part.number("warning", 1, 0, limits::weight_max)};
  if (part.error()) members.refuse(*part.error());
}

void read_checks(ConsulMembers& members, Registration& registration) {
  std::vector<const json*> all;
  if (const auto* check = members.find("check"); check != nullptr && !check->empty()) {
    all.push_back(check);
  }
  if (const auto* checks = members.find("checks")) {
    if (!checks->is_array()) return members.wrong("checks", "must be a list");
    for (const auto& each : *checks) all.push_back(&each);
  }
  if (all.size() > limits::registered_checks_max) {
    return members.wrong("checks", fmt::format("are {} at most", limits::registered_checks_max));
  }
  for (const auto* each : all) {
    if (!each->is_object()) return members.wrong("checks", "must be objects");
    ConsulMembers part(*each);
    auto check = read_check(part, registration.address.host);
    if (!check) return members.refuse(check.error());
    registration.checks.push_back(std::move(*check));
  }
}

}  // namespace

Result<Registration> read_consul_service(std::string_view body, std::string_view caller_host) {
  const auto document = wire::parse_object(body, limits::control_body_bytes_max, values_max);
  if (!document) return document.error();
  ConsulMembers members(*document);
  Registration registration;
  registration.service = members.text("name", limits::registered_id_bytes_max);
  registration.id = members.text("id", limits::registered_id_bytes_max);
  if (registration.id.empty()) registration.id = registration.service;
  if (!members.error() && !is_name(registration.service)) {
    members.wrong("name", "must be 1 to 64 characters of [A-Za-z0-9._-]");
  }
  registration.worker = worker_name_of(registration.id);
  registration.address.host = address_in(members, caller_host);
  registration.address.port = static_cast<std::uint16_t>(members.number("port", 0, 1, 65'535));
  if (registration.address.port == 0) members.wrong("port", "is needed: clients are sent there");
  registration.tags =
      members.texts("tags", limits::registered_tags_max, limits::registered_text_bytes_max);
  members.refuse_if_said("kind", "is not done here: there is no service mesh");
  members.refuse_if_said("proxy", "is not done here: there is no service mesh");
  members.refuse_if_said("connect", "is not done here: there is no service mesh");
  read_meta(members, registration);
  read_weights(members, registration);
  if (!members.error()) read_checks(members, registration);
  if (const auto& error = members.error()) return *error;
  name_checks(registration);
  return registration;
}

Result<std::string> read_consul_service_id(std::string_view body) {
  const auto document = wire::parse_object(body, limits::control_body_bytes_max, values_max);
  if (!document) return document.error();
  ConsulMembers members(*document);
  auto id = members.text("serviceid", limits::registered_id_bytes_max);
  if (!members.error() && id.empty()) {
    members.wrong("serviceid", "is needed: a master is no node of its own that could be checked");
  }
  if (const auto& error = members.error()) return *error;
  return id;
}

Result<RegisteredCheck> read_consul_check(std::string_view body, const std::string& host) {
  const auto document = wire::parse_object(body, limits::control_body_bytes_max, values_max);
  if (!document) return document.error();
  ConsulMembers members(*document);
  auto check = read_check(members, host);
  if (!check) return check;
  // In this document the id has another name.
  if (auto id = members.text("id", limits::registered_id_bytes_max); !id.empty()) check->id = id;
  if (check->id.empty()) check->id = check->name.substr(0, limits::registered_id_bytes_max);
  if (check->id.empty()) members.wrong("name", "is needed");
  if (check->name.empty()) check->name = check->id;
  if (const auto& error = members.error()) return *error;
  return check;
}

Result<ConsulReport> read_consul_report(std::string_view body) {
  const auto document = wire::parse_object(body, limits::control_body_bytes_max, values_max);
  if (!document) return document.error();
  ConsulMembers members(*document);
  const auto status = members.text("status", limits::registered_text_bytes_max);
  const auto parsed = parse_check_status(status);
  if (!parsed) members.wrong("status", "must be passing, warning or critical");
  ConsulReport report{.status = parsed.value_or(CheckStatus::critical)};
  if (const auto* output = members.find("output")) {
    if (!output->is_string())
      members.wrong("output", "must be a text");
    else
      report.output = cut_output(output->get<std::string>());
  }
  if (const auto& error = members.error()) return *error;
  return report;
}

std::string cut_output(std::string text) {
  auto cut = printable(text.substr(0, limits::registered_output_bytes_max));
  std::size_t kept = 0;
  while (kept < cut.size()) {
    const auto bytes = utf8_character_bytes(std::string_view(cut).substr(kept));
    if (bytes == 0 || kept + bytes > limits::registered_output_bytes_max) break;
    kept += bytes;
  }
  cut.resize(kept);
  return cut;
}

Result<Duration> parse_go_duration(std::string_view text, std::string_view field) {
  Duration sum{0};
  auto rest = text;
  if (rest == "0") return sum;
  do {
    const auto unit = std::min(rest.find_first_not_of("0123456789."), rest.size());
    const auto end = std::min(rest.find_first_of("0123456789.", unit), rest.size());
    const auto part = parse_duration(rest.substr(0, end), field);
    if (!part || sum + *part > Duration(limits::registered_duration_max)) {
      return invalid(fmt::format("{} must be a duration of at most 30 days, as \"10s\"", field),
                     std::string(field));
    }
    sum += *part;
    rest.remove_prefix(end);
  } while (!rest.empty());
  return sum;
}

}  // namespace tandem::master
