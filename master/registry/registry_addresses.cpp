// An address belongs to whoever answers there. A worker that registers at the address of others has
// the port that they had, so they are gone, whatever their services and however lately they were
// heard: their requests would reach the newcomer.
//
// What an operator has put there, by --backend or by the API, no heartbeat takes away.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>

#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

// The masters are told of as many; more have shared an address only by a mistake of somebody's.
constexpr std::size_t predecessors_max = 8;

Error belongs_to(const WorkerRecord& holder) {
  return fail(ErrorCode::conflict,
              fmt::format("the address {} belongs to {} {}: no two workers can be at one address",
                          holder.address.to_string(),
                          holder.is_probed() ? "the backend" : "the worker", holder.name),
              "address");
}

}  // namespace

// One address can be written in several ways: ::1 and 0:0:0:0:0:0:0:1, 10.0.0.1 and
// ::ffff:10.0.0.1.
Endpoint Registry::canonical(const Endpoint& address) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.host.c_str(), &v6) != 1) return address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, &v6.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &v6, text.data(), text.size());
  }
  return {text.data(), address.port};
}

std::vector<WorkerRecord*> Registry::others_at(const Endpoint& address,
                                               std::string_view name) const {
  std::vector<WorkerRecord*> others;
  const auto [begin, end] = by_address_.equal_range(canonical(address));
  for (auto place = begin; place != end; ++place) {
    if (place->second->name != name) others.push_back(place->second);
  }
  return others;
}

bool Registry::is_heard(const WorkerRecord& record) {
  return !record.is_probed() && !record.is_unheard() && !record.has_left() &&
         !record.liveness.down();
}

// One that had the address before and heartbeats still has not gone, as it seemed: then two fight
// for one address, and the later has it while it is heard.
Result<> Registry::check_address_is_free(const wire::Heartbeat& heartbeat,
                                         const Endpoint& address) const {
  for (const auto* holder : others_at(address, heartbeat.name)) {
    if (holder->is_probed()) return belongs_to(*holder);
    const auto& before = holder->predecessors;
    const bool is_predecessor =
        std::find(before.begin(), before.end(), heartbeat.incarnation) != before.end();
    if (is_predecessor && is_heard(*holder)) return belongs_to(*holder);
  }
  return {};
}

// The operator's own may share an address: they may be one server for several services.
Result<> Registry::check_address_is_free(const wire::WorkerSpec& spec) const {
  for (const auto* holder : others_at(spec.address, spec.name)) {
    if (is_heard(*holder)) return belongs_to(*holder);
  }
  return {};
}

// The incarnations of those that were there, in the order in which they came.
std::vector<std::string> Registry::retire_others_at(const Endpoint& address,
                                                    std::string_view name) {
  std::vector<std::string> retired;
  for (const auto* other : others_at(address, name)) {
    if (other->is_probed()) continue;
    spdlog::warn("worker retired name={} service={} address={} by={}", other->name, other->service,
                 other->address.to_string(), name);
    retired.insert(retired.end(), other->predecessors.begin(), other->predecessors.end());
    if (!other->incarnation.empty()) retired.push_back(other->incarnation);
    erase(records_.find(other->name));
  }
  if (retired.size() > predecessors_max) {
    retired.erase(retired.begin(), retired.end() - predecessors_max);
  }
  return retired;
}

}  // namespace tandem::master
