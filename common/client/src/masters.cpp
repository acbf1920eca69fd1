#include "common/client/src/masters.hpp"

#include <utility>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"

namespace tandem::client {

Masters::Masters(const std::vector<Endpoint>& endpoints) {
  TANDEM_ASSERT(!endpoints.empty());
  for (const auto& endpoint : endpoints) all_.emplace_back(endpoint);
}

std::optional<std::size_t> Masters::find(const Endpoint& endpoint) const {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].endpoint == endpoint) return i;
  }
  return std::nullopt;
}

std::vector<std::size_t> Masters::order() const {
  std::vector<std::size_t> found;
  const std::size_t first = first_;
  for (std::size_t i = 0; i < size(); ++i) found.push_back((first + i) % size());
  return found;
}

void Masters::hangs(std::size_t master) {
  first_.compare_exchange_strong(master, (master + 1) % size());
}

std::optional<Connection> Masters::take(std::size_t master) {
  auto& from = all_[master];
  const std::lock_guard lock(from.mutex);
  const Instant oldest = now() - Duration(limits::client_connection_idle_max);
  while (!from.idle.empty()) {
    Idle idle = std::move(from.idle.back());
    from.idle.pop_back();
    if (idle.since >= oldest && idle.connection.is_quiet()) return std::move(idle.connection);
  }
  return std::nullopt;
}

void Masters::keep(std::size_t master, Connection connection) {
  auto& to = all_[master];
  const std::lock_guard lock(to.mutex);
  if (to.idle.size() < limits::client_connections_kept) {
    to.idle.push_back({std::move(connection), now()});
  }
}

void Masters::drop_idle(std::size_t master) {
  const std::lock_guard lock(all_[master].mutex);
  all_[master].idle.clear();
}

}  // namespace tandem::client
