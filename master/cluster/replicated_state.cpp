#include "master/cluster/replicated_state.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tandem::master {

namespace {

using Json = nlohmann::json;

constexpr int format_written = 1;

Error damaged(std::string_view why) {
  return invalid(fmt::format("a snapshot of the cluster's state cannot be used: {}", why));
}

}  // namespace

void ReplicatedState::apply(const core::Entry& entry, Instant now) {
  if (entry.index <= applied_) return;
  applied_ = entry.index;
  const auto* command = std::get_if<core::Command>(&entry.body);
  if (command == nullptr || !is_new(*command, entry.index)) return;
  const auto change = parse_change(command->bytes);
  if (!change) {
    // All masters of one version pass over it alike; a later version has proposed it.
    spdlog::error("committed change not understood index={} reason=\"{}\"", entry.index,
                  change.error().message);
    return;
  }
  registry_.apply(*change, now);
}

bool ReplicatedState::is_new(const core::Command& command, LogIndex index) {
  auto& client = clients_[command.id.client];
  if (command.id.sequence <= client.last) return false;
  client = {command.id.sequence, index};
  if (clients_.size() > limits::command_clients_max) {
    clients_.erase(
        std::min_element(clients_.begin(), clients_.end(),
                         [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  }
  return true;
}

std::string ReplicatedState::to_bytes() const {
  Json clients = Json::array();
  for (const auto& [life, client] : clients_)
    clients.push_back({life, client.last, client.at.value()});
  return fmt::format(R"({{"format":{},"clients":{},"state":{}}})", format_written, clients.dump(),
                     to_json(registry_.state()));
}

Result<> ReplicatedState::restore(const core::Snapshot& snapshot, Instant now) {
  if (snapshot.bytes.empty()) {  // the state before the first entry
    clients_.clear();
    applied_ = snapshot.index;
    registry_.restore({}, now);
    return {};
  }
  const auto json = Json::parse(snapshot.bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("format", 0) != format_written) {
    return damaged("it is of another format");
  }
  std::map<std::uint64_t, Client> clients;
  for (const auto& item : json.value("clients", Json::array())) {
    if (!item.is_array() || item.size() != 3 || !item[0].is_number_unsigned() ||
        !item[1].is_number_unsigned() || !item[2].is_number_unsigned()) {
      return damaged("clients must be lists of three numbers");
    }
    clients[item[0]] = {item[1], LogIndex(item[2])};
  }
  auto state = parse_cluster_state(json.value("state", Json::object()).dump());
  if (!state) return damaged(state.error().message);
  clients_ = std::move(clients);
  applied_ = snapshot.index;
  registry_.restore(std::move(*state), now);
  return {};
}

}  // namespace tandem::master
