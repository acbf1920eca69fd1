#include "common/client/src/masters.hpp"

#include <algorithm>
#include <utility>

#include "common/base/clock.hpp"
#include "common/client/src/limits.hpp"

namespace tandem::client {

std::optional<Connection> Master::take() {
  const Lock lock(mutex_);
  const Instant oldest = now() - Duration(limits::client_connection_idle_max);
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (last.since >= oldest && last.connection.is_quiet()) return std::move(last.connection);
  }
  return std::nullopt;
}

void Master::keep(Connection connection) {
  const Lock lock(mutex_);
  if (idle_.size() < limits::client_connections_kept) {
    idle_.push_back({std::move(connection), now()});
  }
}

void Master::drop_idle() {
  const Lock lock(mutex_);
  idle_.clear();
}

Masters::Masters(std::vector<Endpoint> told) : told_(std::move(told)) { learn({}); }

void Masters::learn(const std::vector<Endpoint>& endpoints) {
  auto wanted = told_;
  wanted.insert(wanted.end(), endpoints.begin(), endpoints.end());
  const Lock lock(mutex_);
  std::erase_if(all_, [&](const auto& master) {
    return std::find(wanted.begin(), wanted.end(), master->endpoint()) == wanted.end();
  });
  for (const auto& endpoint : wanted) {
    const bool known = std::any_of(all_.begin(), all_.end(), [&](const auto& master) {
      return master->endpoint() == endpoint;
    });
    if (!known) all_.push_back(std::make_shared<Master>(endpoint));
  }
}

std::size_t Masters::size() const {
  const Lock lock(mutex_);
  return all_.size();
}

std::shared_ptr<Master> Masters::find(const Endpoint& endpoint) const {
  const Lock lock(mutex_);
  for (const auto& master : all_) {
    if (master->endpoint() == endpoint) return master;
  }
  return nullptr;
}

std::vector<std::shared_ptr<Master>> Masters::order() const {
  const Lock lock(mutex_);
  return all_;
}

void Masters::serves(const Master& master) {
  const Lock lock(mutex_);
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const auto& other) { return other.get() == &master; });
  if (found != all_.end()) std::rotate(all_.begin(), found, all_.end());
}

void Masters::hangs(const Master& master) {
  const Lock lock(mutex_);
  if (!all_.empty() && all_.front().get() == &master)
    std::rotate(all_.begin(), all_.begin() + 1, all_.end());
}

}  // namespace tandem::client
