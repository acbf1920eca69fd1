#include "master/upgrade/messages.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tandem::master {

namespace {

using Json = nlohmann::json;

Json to_document(const Endpoint& address) {
  return Json{{"host", address.host}, {"port", address.port}};
}

Endpoint endpoint_in(const Json& json) {
  return {json.at("host").get<std::string>(), json.at("port").get<std::uint16_t>()};
}

Json to_document(const AddressNote& note) {
  return Json{{"flag", note.flag},
              {"wanted", to_document(note.wanted)},
              {"bound", to_document(note.bound)},
              {"kept", note.is_kept},
              {"count", note.count}};
}

AddressNote address_in(const Json& json) {
  return {.flag = json.at("flag").get<std::string>(),
          .wanted = endpoint_in(json.at("wanted")),
          .bound = endpoint_in(json.at("bound")),
          .is_kept = json.at("kept").get<bool>(),
          .count = json.at("count").get<std::size_t>()};
}

Json to_document(const FrontNote& note) {
  return Json{{"port", note.port},
              {"tls", note.tls},
              {"version", note.version},
              {"certificate", note.certificate}};
}

FrontNote front_in(const Json& json) {
  return {.port = json.at("port").get<std::string>(),
          .tls = json.at("tls").get<bool>(),
          .version = json.at("version").get<std::string>(),
          .certificate = json.at("certificate").get<std::string>()};
}

Json to_document(const ClientNote& note) {
  Json document{{"peer", to_document(note.peer)},
                {"port", note.port},
                {"tls", note.tls},
                {"header", note.has_proxy_header},
                {"heard", note.is_heard}};
  if (note.front) document["front"] = to_document(*note.front);
  return document;
}

ClientNote client_in(const Json& json) {
  return {
      .peer = endpoint_in(json.at("peer")),
      .port = json.at("port").get<std::string>(),
      .tls = json.at("tls").get<bool>(),
      .has_proxy_header = json.at("header").get<bool>(),
      .is_heard = json.at("heard").get<bool>(),
      .front = json.contains("front") ? std::optional(front_in(json.at("front"))) : std::nullopt};
}

Json to_document(const LeaderNote& note) {
  return Json{{"term", note.term},
              {"self", note.is_self},
              {"primary", note.primary},
              {"listen", note.listen},
              {"pass", note.pass}};
}

LeaderNote leader_in(const Json& json) {
  return {.term = json.at("term").get<std::uint64_t>(),
          .is_self = json.at("self").get<bool>(),
          .primary = json.at("primary").get<std::string>(),
          .listen = json.at("listen").get<std::string>(),
          .pass = json.at("pass").get<std::string>()};
}

Json to_document(const MemberNote& note) {
  return Json{{"node", note.node}, {"level", note.level}};
}

MemberNote member_in(const Json& json) {
  return {.node = json.at("node").get<std::string>(), .level = json.at("level").get<unsigned>()};
}

UpgradeMessage message_in(const Json& json) {
  UpgradeMessage message;
  message.is = json.at("is").get<std::string>();
  message.message = json.value("message", std::string());
  message.version = json.value("version", std::string());
  message.protocol = json.value("protocol", 0u);
  message.is_last = json.value("last", true);
  message.workers = json.value("workers", std::vector<std::string>());
  message.count = json.value("count", std::size_t{0});
  message.connections = json.value("connections", std::uint64_t{0});
  if (json.contains("member")) message.member = member_in(json.at("member"));
  if (json.contains("leader")) message.leader = leader_in(json.at("leader"));
  for (const auto& each : json.value("addresses", Json::array())) {
    message.addresses.push_back(address_in(each));
  }
  for (const auto& each : json.value("clients", Json::array())) {
    message.clients.push_back(client_in(each));
  }
  return message;
}

}  // namespace

std::string to_json(const UpgradeMessage& message) {
  Json json{{"is", message.is}};
  if (!message.message.empty()) json["message"] = message.message;
  if (!message.version.empty()) json["version"] = message.version;
  if (message.protocol > 0) json["protocol"] = message.protocol;
  if (message.is == "sockets") json["member"] = to_document(message.member);
  if (!message.is_last) json["last"] = false;
  if (!message.workers.empty()) json["workers"] = message.workers;
  if (message.count > 0) json["count"] = message.count;
  if (message.connections > 0) json["connections"] = message.connections;
  if (message.is == "leads") json["leader"] = to_document(message.leader);
  for (const auto& each : message.addresses) json["addresses"].push_back(to_document(each));
  for (const auto& each : message.clients) json["clients"].push_back(to_document(each));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<UpgradeMessage> parse_upgrade_message(std::string_view text) {
  try {
    return message_in(Json::parse(text));
  } catch (const Json::exception& wrong) {
    return invalid(fmt::format("the other process says what is not understood: {}", wrong.what()));
  }
}

}  // namespace tandem::master
