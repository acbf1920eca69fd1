#include "master/cluster/state_document.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "master/cluster/limits.hpp"
#include "master/registry/change.hpp"

namespace tandem::master {

namespace {

Result<CommandClients> read_clients(const nlohmann::json& json) {
  constexpr auto malformed = "clients must be lists of three numbers";
  if (!json.is_array() || json.size() > limits::command_clients_max) return invalid(malformed);
  CommandClients clients;
  for (const auto& item : json) {
    if (!item.is_array() || item.size() != 3 || !item[0].is_number_unsigned() ||
        !item[1].is_number_unsigned() || !item[2].is_number_unsigned()) {
      return invalid(malformed);
    }
    clients[item[0]] = {item[1], LogIndex(item[2])};
  }
  return clients;
}

Result<> check_level(wire::FeatureLevel needed, wire::FeatureLevel features_max) {
  if (needed <= features_max) return {};
  return fail(ErrorCode::conflict,
              fmt::format("it is of feature level {}; this one supports levels up to {}", needed,
                          features_max));
}

}  // namespace

std::string to_json(const CommandClients& clients, const ClusterState& state) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [life, client] : clients) list.push_back({life, client.last, client.at.value()});
  return fmt::format(R"({{"format":{},"clients":{},"state":{}}})", state.feature_level, list.dump(),
                     to_json(state));
}

Result<StateDocument> parse_state_document(std::string_view text) {
  const auto json = wire::parse_object(text, limits::snapshot_bytes_max);
  if (!json) return json.error();
  const auto format = read_format(*json);
  if (!format) return format.error();
  for (const auto& [member, value] : json->items()) {
    if (member == "format" || member == "clients" || member == "state") continue;
    return fail(ErrorCode::conflict, fmt::format("unknown member \"{}\"", member.substr(0, 64)));
  }
  if (json->size() != 3) return invalid("clients and state must be there");
  auto clients = read_clients((*json)["clients"]);
  if (!clients) return clients.error();
  auto state = read_cluster_state((*json)["state"]);
  if (!state) return state.error();
  if (state->feature_level != *format) return invalid("format: is another one than the state's");
  return StateDocument{std::move(*clients), std::move(*state)};
}

cluster::StateCheck state_check(wire::FeatureLevel features_max) {
  return {.command = [features_max](std::string_view bytes) -> Result<> {
            const auto change = parse_authored_change(bytes);
            return change ? check_level(level_needed(*change), features_max) : change.error();
          },
          .snapshot = [features_max](std::string_view bytes) -> Result<> {
            const auto document = parse_state_document(bytes);
            if (!document) return document.error();
            return check_level(document->state.feature_level, features_max);
          }};
}

}  // namespace tandem::master
