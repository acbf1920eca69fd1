#include "master/cluster/state_document.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "master/registry/change.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::json;

constexpr unsigned format_written = 1;

Result<CommandClients> read_clients(const Json& json) {
  constexpr auto malformed = "clients: must be lists of three numbers";
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

}  // namespace

std::string to_json(const CommandClients& clients, const ClusterState& state) {
  Json list = Json::array();
  for (const auto& [life, client] : clients) list.push_back({life, client.last, client.at.value()});
  return fmt::format(R"({{"format":{},"clients":{},"state":{}}})", format_written, list.dump(),
                     to_json(state));
}

Result<StateDocument> parse_state_document(std::string_view text) {
  const auto json = wire::parse_object(text, limits::snapshot_bytes_max);
  if (!json) return json.error();
  if (auto known = check_format(*json, format_written); !known) return known.error();
  for (const auto& [member, value] : json->items()) {
    if (member == "format" || member == "clients" || member == "state") continue;
    return fail(ErrorCode::conflict, fmt::format("unknown member \"{}\"", member.substr(0, 64)));
  }
  if (json->size() != 3) return invalid("clients and state must be there");
  auto clients = read_clients((*json)["clients"]);
  if (!clients) return clients.error();
  auto state = read_cluster_state((*json)["state"]);
  if (!state) return state.error();
  return StateDocument{std::move(*clients), std::move(*state)};
}

cluster::StateCheck state_check() {
  return {.command = [](std::string_view bytes) -> Result<> {
            if (const auto change = parse_change(bytes); !change) return change.error();
            return {};
          },
          .snapshot = [](std::string_view bytes) -> Result<> {
            if (const auto state = parse_state_document(bytes); !state) return state.error();
            return {};
          }};
}

}  // namespace tandem::master
