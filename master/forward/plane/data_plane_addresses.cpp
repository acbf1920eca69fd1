// Where clients and other masters are served: the addresses at the start, and others in their place
// while clients are served.
#include <algorithm>

#include "master/forward/plane/data_plane.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/plane/loop.hpp"

namespace tandem::master {

namespace {

constexpr unsigned https_port = 443;  // RFC 9110 §4.2.2

}  // namespace

std::optional<Endpoint> DataPlane::address(bool tls) const {
  const Lock lock(publishing_);
  return first_of(listeners_.addresses(), tls);
}

std::optional<Endpoint> DataPlane::inner_address() const {
  const Lock lock(publishing_);
  return inner_of(listeners_.addresses());
}

Result<ListenPlan> DataPlane::plan_addresses(const std::vector<ListenAddress>& wanted) {
  forget_left();
  const Lock lock(publishing_);
  auto plan = listeners_.plan(wanted, options_.threads);
  if (!plan || left_.empty() || (plan->opened.empty() && !plan->leaves_any())) return plan;
  return fail(ErrorCode::unavailable,
              "--listen: clients still wait to be accepted at an address of before: try again");
}

void DataPlane::listen(const std::shared_ptr<ListenPlan>& plan) {
  const Lock lock(publishing_);
  listeners_.take(*plan);
  const auto each_loop = [&](const auto& visit) {
    for (std::size_t i = 0; i < loops_.size(); ++i) visit(*loops_[i], i);
  };
  // Connections go from any loop to any other: all know an address before one listens there.
  for (const auto& address : plan->addresses) {
    each_loop([&](Loop& loop, std::size_t) { loop.know(address.number, address.bound); });
  }
  for (auto& opened : plan->opened) {
    for (std::size_t i = 0; i < opened.sockets.size(); ++i) {
      loops_[i % loops_.size()]->listen(
          opened.number, std::make_shared<ListeningSocket>(std::move(opened.sockets[i])));
    }
  }
  const auto secure = first_of(plan->addresses, true);  // none: something in front of us speaks TLS
  const auto port = std::to_string(secure ? secure->port : https_port);
  each_loop([&](Loop& loop, std::size_t) { loop.redirect_to(port); });
}

bool DataPlane::leave_addresses(const ListenPlan& plan) {
  {
    const Lock lock(publishing_);
    for (auto& loop : loops_) {
      for (const auto& [from, to] : plan.renumbered) loop->renumber(from, to);
      for (const auto number : plan.left) loop->leave(number);
    }
    for (const auto& [from, to] : plan.renumbered) left_.push_back(from);
    left_.insert(left_.end(), plan.left.begin(), plan.left.end());
  }
  const bool closed =
      await_all(limits::leaving_awaited_max, [](const Loop& loop) { return loop.leaving() == 0; });
  forget_left();
  return closed;
}

// Whoever came there from another loop is where it is served by then.
void DataPlane::forget_left() {
  const Lock lock(publishing_);
  const auto has_left = [](const auto& loop) { return loop->leaving() == 0; };
  if (left_.empty() || !std::all_of(loops_.begin(), loops_.end(), has_left)) return;
  for (const auto number : left_) {
    for (auto& loop : loops_) loop->forget(number);
  }
  left_.clear();
}

}  // namespace tandem::master
