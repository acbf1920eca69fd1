#include "common/wire/service_settings.hpp"

#include <nlohmann/json.hpp>

#include "common/wire/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/service_settings_table.hpp"

namespace tandem::wire {

namespace {

using Json = nlohmann::ordered_json;

template <class Owner>
void write(const std::vector<SettingRow<Owner>>& rows, const Owner& owner, Json& json) {
  for (const auto& row : rows) {
    if (row.write(owner)) row.write_member(json, owner);
  }
}

template <class Owner>
void read(const std::vector<SettingRow<Owner>>& rows, MemberReader& reader, Owner& owner) {
  for (const auto& row : rows) {
    if (!reader.is_null(row.member.c_str())) row.read_member(reader, owner);
  }
}

}  // namespace

void write_rules(const RequestRules& rules, Json& json) { write(rule_rows(), rules, json); }

void read_rules(MemberReader& reader, RequestRules& rules) { read(rule_rows(), reader, rules); }

void write_settings(const ServiceSettings& settings, Json& json) {
  write_rules(settings.rules, json);
  write(service_rows(), settings, json);
}

void read_settings(MemberReader& reader, ServiceSettings& settings) {
  read_rules(reader, settings.rules);
  read(service_rows(), reader, settings);
}

WorkerProtocol protocol_of(const ServiceSettings& settings) {
  const bool checks_grpc = settings.check && settings.check->is_grpc;
  return settings.protocol.value_or(checks_grpc ? WorkerProtocol::http2 : WorkerProtocol::http1);
}

bool announces_clients(const ServiceSettings& settings) {
  return settings.proxy_protocol == ProxyProtocol::v2;
}

Result<> validate(const ServiceSettings& settings) {
  if (!announces_clients(settings) || protocol_of(settings) == WorkerProtocol::http1) return {};
  return invalid(
      "proxy_protocol=v2 is for workers that speak HTTP/1: on a connection of HTTP/2 the requests "
      "of many clients are mixed",
      "proxy_protocol");
}

std::string to_json(const ServiceSettings& settings) {
  auto json = Json::object();
  write_settings(settings, json);
  return dump(json);
}

Result<ServiceSettings> parse_service_settings(std::string_view text) {
  const auto json = parse_object(text, limits::control_body_bytes_max);
  if (!json) return json.error();
  ServiceSettings settings;
  MemberReader reader(*json);
  read_settings(reader, settings);
  if (const auto read = reader.finish(UnknownMembers::refuse); !read) return read.error();
  return settings;
}

}  // namespace tandem::wire
