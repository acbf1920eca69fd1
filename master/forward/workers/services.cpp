#include "master/forward/workers/services.hpp"

#include <utility>

namespace tandem::master {

Services::Services(Reactor& reactor, DeadlineWheel& wheel, Setup setup)
    : reactor_(reactor), wheel_(wheel), setup_(std::move(setup)) {
  TANDEM_ASSERT(setup_.policies != nullptr);
}

// Both snapshots are sorted by name, and share what did not change, which is skipped.
void Services::apply(const SnapshotPtr& snapshot) {
  const auto before = std::exchange(snapshot_, snapshot);
  static const std::vector<std::shared_ptr<const SnapshotService>> none;
  const auto& old_services = before ? before->services : none;
  auto old = old_services.begin();
  for (const auto& shown : snapshot_->services) {
    if (old != old_services.end() && *old == shown) {
      ++old;
      continue;
    }
    while (old != old_services.end() && (*old)->name < shown->name) depart((*old++)->name);
    const bool was_there = old != old_services.end() && (*old)->name == shown->name;
    if (!was_there || *old != shown) adopt(*shown);
    if (was_there) ++old;
  }
  while (old != old_services.end()) depart((*old++)->name);
  forget_departed();
}

void Services::use_defaults(const ServiceOptions& defaults) {
  setup_.options = defaults;
  for (auto& [name, service] : services_) service->use_defaults(defaults);
}

void Services::adopt(const SnapshotService& shown) {
  auto& service = services_[shown.name];
  if (!service) {
    service = std::make_unique<Service>(
        reactor_, wheel_, shown.name,
        Service::Setup{.policies = setup_.policies,
                       .options = setup_.options,
                       .seed = setup_.loop * 7919 + 1,
                       .loops = setup_.loops,
                       .room_elsewhere = [this, name = shown.name](
                                             unsigned requests) { offer_room(name, requests); },
                       .latencies = setup_.latencies});
  }
  service->update(shown);
  service->set_registered(true);
}

void Services::depart(const std::string& name) {
  auto& service = *services_.find(name)->second;
  service.set_registered(false);
  if (!service.empty()) service.update(SnapshotService{name, {}});
  departed_.push_back(name);
}

// Those that have come back stay, and those that requests use.
void Services::forget_departed() {
  std::erase_if(departed_, [this](const std::string& name) {
    const auto found = services_.find(name);
    if (found == services_.end() || found->second->is_registered()) return true;
    if (found->second->in_use()) return false;
    services_.erase(found);
    return true;
  });
}

Service* Services::find(std::string_view name) {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

void Services::finish(Service& service, WorkerCallPtr call) {
  const auto upstream = call->upstream().shared_from_this();
  const bool given_away = WorkerCall::finish(std::move(call), wheel_.coarse_now());
  if (given_away) return offer_room(service.name(), 1);
  if (service.is_limited() || service.wake_one()) return;
  // The connection may have been closed, which frees a place that another loop waits for.
  const bool is_wanted = upstream->counters().place_wanted.load(std::memory_order_relaxed);
  if (is_wanted && upstream->has_free_place()) offer_room(service.name(), 1);
}

void Services::room_made(Service& service) {
  if (!service.is_limited()) service.room_made();
}

void Services::want_room(Service& service) {
  ask_others(service, [](const Upstream& upstream) { return upstream.is_starved(); });
}

// A worker whose mark is set already was asked for: its place is given back as soon as it is free.
template <class Lacks>
void Services::ask_others(Service& service, Lacks lacks) {
  if (setup_.loops == 1) return;
  bool asks = false;
  for (const auto& upstream : service.upstreams()) {
    if (!lacks(*upstream)) continue;
    asks = !upstream->counters().place_wanted.exchange(true, std::memory_order_relaxed) || asks;
  }
  if (asks) setup_.ask_for_room(setup_.loop, service.name());
}

void Services::give_room(const std::string& name) {
  const auto found = services_.find(name);
  if (found == services_.end()) return;
  unsigned given = 0;
  for (const auto& upstream : found->second->upstreams()) {
    auto& place_wanted = upstream->counters().place_wanted;
    if (!place_wanted.load(std::memory_order_relaxed)) continue;
    // A place that became free before this was asked for was offered to nobody.
    if (!upstream->has_free_place() && !upstream->give_back_idle()) continue;
    if (place_wanted.exchange(false, std::memory_order_relaxed)) ++given;
  }
  if (given > 0) offer_room(name, given);
}

void Services::offer_room(const std::string& service, unsigned requests) {
  if (setup_.loops == 1) return;
  setup_.offer_room(setup_.loop, {service, requests, setup_.loops});
}

void Services::take_room(RoomOffer offer) {
  if (auto* const service = find(offer.service)) {
    while (offer.requests > 0 && service->wake_one()) --offer.requests;
    // The room that is free now is for the woken requests; the sleeping ones want the next.
    if (service->has_sleepers()) {
      ask_others(*service, [](const Upstream& upstream) { return upstream.has_too_few(); });
    }
  }
  if (--offer.loops_left > 0) setup_.offer_room(setup_.loop, std::move(offer));
}

void Services::close_idle_before(Instant oldest) {
  for (auto& [name, service] : services_) service->close_idle_before(oldest);
}

void Services::refuse_all() {
  for (auto& [name, service] : services_) {
    service->refuse_all();
    for (auto& upstream : service->upstreams()) upstream->close_links();
  }
}

}  // namespace tandem::master
