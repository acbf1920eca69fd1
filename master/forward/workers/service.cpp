#include "master/forward/workers/service.hpp"

#include <algorithm>
#include <unordered_map>

#include "common/base/log.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

bool ExcludedWorkers::contains(WorkerId worker) const {
  return std::find(workers_.begin(), workers_.end(), worker) != workers_.end();
}

Service::Service(Reactor& io, DeadlineWheel& wheel, std::string name, Setup setup)
    : io_(io),
      wheel_(wheel),
      name_(std::move(name)),
      setup_(std::move(setup)),
      options_(setup_.options),
      retries_(setup_.loops) {
  choose_by_own_policy();
  next_weight_update_.on_expiry(
      [](void* service) { static_cast<Service*>(service)->update_weights(); }, this);
}

Service::~Service() {
  TANDEM_ASSERT(waiting_ == 0 && uses_ == 0);
  for (auto& upstream : upstreams_) upstream->retire();
}

// What the snapshot says of the service itself.
void Service::adopt(const SnapshotService& snapshot) {
  counters_ = snapshot.counters;
  tls_ = snapshot.tls;
  may_return_at_ = snapshot.may_return_at;
  if (snapshot.settings == settings_ && snapshot.sharers == sharers_) return;
  settings_ = snapshot.settings;
  sharers_ = snapshot.sharers;
  derive_options();
}

void Service::use_defaults(const ServiceOptions& defaults) {
  setup_.options = defaults;
  derive_options();
  place_upstreams();
  update_weights();
  wake_some();
}

void Service::derive_options() {
  const auto sticky = options_.sticky;
  options_ = settings_ == nullptr ? setup_.options : overlaid(setup_.options, *settings_);
  options_.in_flight = share_of(options_.in_flight, sharers_);
  options_.worker_in_flight = share_of(options_.worker_in_flight, sharers_);
  retries_.set_percent(options_.retry_percent);
  if (policies_.front().spec != options_.policy) choose_by_own_policy();
  for (auto& upstream : upstreams_) {
    upstream->speak(options_.protocol);
    upstream->announce_clients(options_.announces_clients);
  }
  if (options_.sticky == sticky) return;
  for (auto& upstream : upstreams_) upstream->stick_by(options_.sticky);
}

// The policies of routes are added again when they are asked for.
void Service::choose_by_own_policy() {
  policies_.clear();
  add_policy(options_.policy);
}

Policy& Service::add_policy(const wire::PolicySpec& spec) {
  policies_.push_back({spec, setup_.policies->make(spec, name_, setup_.seed), ++policies_version_});
  return *policies_.back().policy;
}

Policy& Service::policy_for(const wire::PolicySpec* spec) {
  if (spec == nullptr) return *policies_.front().policy;
  for (auto& each : policies_) {
    if (each.spec == *spec) return *each.policy;
  }
  std::vector<KnownPolicy> dropped;  // until the new one is there: a table that both use stays
  if (policies_.size() > limits::route_policies_max) {
    dropped.assign(std::make_move_iterator(policies_.begin() + 1),
                   std::make_move_iterator(policies_.end()));
    policies_.resize(1);
  }
  auto& policy = add_policy(*spec);
  policy.update(candidates());
  return policy;
}

void Service::update(const SnapshotService& snapshot) {
  adopt(snapshot);
  std::vector<Upstream*> newcomers;
  const bool was_empty = upstreams_.empty();
  take(snapshot.workers, newcomers);
  place_upstreams();
  start_newcomers_slowly(newcomers, was_empty);
  update_weights();
  wake_some();
}

// Their places, and the cookies by which clients stay with them.
void Service::place_upstreams() {
  by_cookie_.clear();
  has_last_resorts_ = false;
  for (std::size_t place = 0; place < upstreams_.size(); ++place) {
    upstreams_[place]->stand_at(place);
    upstreams_[place]->secure_by(tls_);
    has_last_resorts_ = has_last_resorts_ || upstreams_[place]->worker().last_resort;
    if (!upstreams_[place]->cookie().empty()) {
      by_cookie_.emplace(upstreams_[place]->cookie(), place);
    }
  }
}

// Most workers stay in place: all others lie between the first and the last difference.
void Service::take(const std::vector<std::shared_ptr<const SnapshotWorker>>& workers,
                   std::vector<Upstream*>& newcomers) {
  auto before = std::exchange(upstreams_, {});
  upstreams_.reserve(workers.size());
  const auto shorter = std::min(before.size(), workers.size());
  std::size_t front = 0;
  while (front < shorter && before[front]->worker().id == workers[front]->id) ++front;
  std::size_t back = 0;
  while (front + back < shorter &&
         before[before.size() - 1 - back]->worker().id == workers[workers.size() - 1 - back]->id) {
    ++back;
  }
  std::unordered_map<WorkerId, std::shared_ptr<Upstream>> others;
  for (std::size_t place = front; place < before.size() - back; ++place) {
    others.emplace(before[place]->worker().id, std::move(before[place]));
  }
  for (std::size_t place = 0; place < workers.size(); ++place) {
    const auto& worker = workers[place];
    if (place < front) {
      keep(std::move(before[place]), worker, newcomers);
    } else if (place >= workers.size() - back) {
      keep(std::move(before[before.size() - (workers.size() - place)]), worker, newcomers);
    } else if (const auto known = others.find(worker->id); known != others.end()) {
      keep(std::move(known->second), worker, newcomers);
      others.erase(known);
    } else {
      upstreams_.push_back(std::make_shared<Upstream>(worker, setup_.loops));
      upstreams_.back()->stick_by(options_.sticky);
      upstreams_.back()->speak(options_.protocol);
      upstreams_.back()->announce_clients(options_.announces_clients);
      if (setup_.latencies) upstreams_.back()->measure_by(setup_.latencies->add(worker->name));
      upstreams_.back()->on_place_freed([this] { room_made(); });
      newcomers.push_back(upstreams_.back().get());
    }
  }
  for (auto& [id, gone] : others) gone->retire();
}

void Service::keep(std::shared_ptr<Upstream> upstream,
                   const std::shared_ptr<const SnapshotWorker>& worker,
                   std::vector<Upstream*>& newcomers) {
  upstreams_.push_back(std::move(upstream));
  auto& kept = *upstreams_.back();
  if (&kept.worker() == worker.get()) return;
  const bool sticks_otherwise = worker->cookie != kept.worker().cookie;
  if (kept.worker().last_resort && !worker->last_resort) newcomers.push_back(&kept);
  kept.update(worker);
  if (sticks_otherwise) kept.stick_by(options_.sticky);
}

void Service::start_newcomers_slowly(const std::vector<Upstream*>& newcomers, bool was_empty) {
  const auto now = wheel_.coarse_now();
  if (was_empty) serves_since_ = now;
  if (!options_.slow_start.applies(now - serves_since_)) return;
  for (auto* newcomer : newcomers) newcomer->start_slowly(now);
}

// Tells the policies the weights of all workers, and again later while some start slowly.
void Service::update_weights() {
  const auto now = wheel_.coarse_now();
  std::size_t starting = 0;
  for (auto& upstream : upstreams_) {
    const auto since = upstream->starts_since();
    if (since && now - *since >= options_.slow_start.over) upstream->start_no_more();
    if (upstream->starts_since()) ++starting;
  }
  const auto all = candidates();
  for (auto& each : policies_) each.policy->update(all);
  if (starting > 0) wheel_.arm(next_weight_update_, options_.slow_start.step());
}

std::vector<Candidate> Service::candidates() const {
  const auto now = wheel_.coarse_now();
  const auto starting =
      std::count_if(upstreams_.begin(), upstreams_.end(),
                    [](const auto& upstream) { return upstream->starts_since().has_value(); });
  const bool spared =
      SlowStart::can_be_spared(static_cast<std::size_t>(starting), upstreams_.size());
  std::vector<Candidate> candidates;
  candidates.reserve(upstreams_.size());
  for (const auto& upstream : upstreams_) {
    const auto& worker = upstream->worker();
    TANDEM_ASSERT(worker.weight > 0);
    Candidate candidate{.id = worker.id,
                        .name = worker.name,
                        .weight = static_cast<double>(worker.weight),
                        .full_weight = static_cast<double>(worker.weight),
                        .counters = worker.counters};
    const auto since = upstream->starts_since();
    if (since && spared) candidate.weight *= options_.slow_start.part(now - *since);
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

// The service's own limit leaves room for one more request.
bool Service::has_room() const {
  return options_.in_flight == 0 || counters_ == nullptr ||
         counters_->in_flight.load(std::memory_order_relaxed) < options_.in_flight;
}

bool Service::has_room(const Upstream& upstream) const {
  const auto limit = options_.worker_in_flight;
  return upstream.has_room() &&
         (limit == 0 || upstream.counters().in_flight.load(std::memory_order_relaxed) < limit);
}

bool Service::is_eligible(const Upstream& upstream, const ExcludedWorkers& excluded) const {
  const auto& counters = upstream.counters();
  if (upstream.worker().last_resort && !counters.vouched.load(std::memory_order_relaxed)) {
    return false;
  }
  return !counters.suspect.load(std::memory_order_relaxed) &&
         !excluded.contains(upstream.worker().id);
}

// A worker of last resort gets one request at a time until it has answered one.
bool Service::may_try_last_resort(const Upstream& upstream, const ExcludedWorkers& excluded) const {
  return upstream.worker().last_resort && !excluded.contains(upstream.worker().id) &&
         !upstream.counters().suspect.load(std::memory_order_relaxed) && !is_ejected(upstream);
}

bool Service::is_ejected(const Upstream& upstream) const {
  return !CircuitBreaker::admits(upstream.counters(), wheel_.coarse_now());
}

// Circuit breakers may take out at most half of a service.
bool Service::may_eject() const {
  std::size_t out = 0;
  std::size_t all = 0;
  for (const auto& upstream : upstreams_) {
    if (upstream->worker().last_resort) continue;
    ++all;
    if (upstream->counters().ejected_until.load(std::memory_order_relaxed) != 0) ++out;
  }
  return (out + 1) * 2 <= all;
}

bool Service::record_result(Upstream& upstream, Experience experience) {
  auto& counters = upstream.counters();
  if (options_.counts_outcomes) {
    auto& count = experience == Experience::good ? counters.good : counters.bad;
    count.fetch_add(1, std::memory_order_relaxed);
  }
  if (experience == Experience::good) {
    if (upstream.worker().last_resort && !counters.vouched.load(std::memory_order_relaxed) &&
        !counters.vouched.exchange(true, std::memory_order_relaxed)) {
      trial_ended();
    }
    if (!CircuitBreaker::succeeded(counters)) return false;
    log::info("worker readmitted name={} service={}", upstream.worker().name, name_);
    wake_some();
    return false;
  }
  const auto now = wheel_.coarse_now();
  if (!options_.breaker.failed(counters, now)) return false;
  const bool is_out = counters.ejected_until.load(std::memory_order_relaxed) != 0;
  const bool is_last_resort = upstream.worker().last_resort;
  if (!is_out && !is_last_resort && !may_eject()) return false;
  if (is_last_resort) counters.vouched.store(false, std::memory_order_relaxed);
  const auto open_for = options_.breaker.open(counters, now);
  log::warn("worker ejected name={} service={} for_ms={} reason=\"fails requests in a row\"",
            upstream.worker().name, name_, open_for / 1ms);
  return true;
}

Upstream* Service::sticky_upstream(std::string_view cookie) const {
  if (cookie.empty()) return nullptr;
  const auto found = by_cookie_.find(cookie);
  return found == by_cookie_.end() ? nullptr : upstreams_[found->second].get();
}

std::shared_ptr<Upstream> Service::pick(const PickCriteria& criteria) {
  if (!has_room()) return nullptr;
  const bool tries_last_resorts = has_last_resorts_ && !has_healthy(criteria.excluded);
  const auto usable = [&](std::size_t place) {
    const auto& upstream = *upstreams_[place];
    const bool admitted = is_eligible(upstream, criteria.excluded) && !is_ejected(upstream);
    return (admitted || (tries_last_resorts && may_try_last_resort(upstream, criteria.excluded))) &&
           has_room(upstream);
  };
  if (const auto* stuck = sticky_upstream(criteria.cookie);
      stuck != nullptr && usable(stuck->place())) {
    return upstreams_[stuck->place()];
  }
  Selection selection{.usable = usable,
                      .key = criteria.key,
                      .again = !criteria.excluded.empty(),
                      .now = wheel_.coarse_now()};
  auto& policy = policy_for(criteria.policy);
  auto chosen = policy.pick(selection);
  if (!chosen && !has_admitted(criteria.excluded)) {
    // A failing worker may answer; one that is not asked cannot.
    const auto left = [&](std::size_t place) {
      return is_eligible(*upstreams_[place], criteria.excluded) && has_room(*upstreams_[place]);
    };
    selection.usable = Usable(left);
    chosen = policy.pick(selection);
  }
  return chosen ? upstreams_[*chosen] : nullptr;
}

// Some eligible worker is in good health, as the registry sees it.
bool Service::has_healthy(const ExcludedWorkers& excluded) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(), [&](const auto& upstream) {
    return !upstream->worker().last_resort && is_eligible(*upstream, excluded);
  });
}

// Some eligible worker is not ejected: it would be picked if it had room.
bool Service::has_admitted(const ExcludedWorkers& excluded) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(), [&](const auto& upstream) {
    return is_eligible(*upstream, excluded) && !is_ejected(*upstream);
  });
}

std::string_view Service::cookie_for(const Upstream& chosen, const PickCriteria& criteria) const {
  const auto* stuck = sticky_upstream(criteria.cookie);
  const bool stays =
      stuck != nullptr && (stuck == &chosen || is_eligible(*stuck, criteria.excluded));
  return stays ? std::string_view() : chosen.set_cookie();
}

bool Service::policies_learn() const {
  return std::any_of(policies_.begin(), policies_.end(),
                     [](const auto& each) { return each.policy->learns(); });
}

void Service::train_policies(const Upstream& upstream, Experience experience, Duration latency,
                             Instant now) {
  if (upstream.place() == Upstream::nowhere) return;
  for (auto& each : policies_) {
    if (each.policy->learns()) each.policy->learn(upstream.place(), experience, latency, now);
  }
}

bool Service::is_full(const ExcludedWorkers& excluded) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(),
                     [&](const auto& upstream) { return is_eligible(*upstream, excluded); });
}

bool Service::may_return_by(Instant time) const {
  if (may_return_at_ <= time) return true;
  return std::any_of(upstreams_.begin(), upstreams_.end(), [](const auto& upstream) {
    const auto& counters = upstream->counters();
    // A loop has marked one as suspect; the registry's verdict is on its way.
    if (counters.suspect.load(std::memory_order_relaxed)) return true;
    return upstream->worker().last_resort && counters.probed.load(std::memory_order_relaxed);
  });
}

void InFlightCount::begin(Service& service, std::shared_ptr<Upstream> upstream) {
  TANDEM_ASSERT(upstream_ == nullptr);
  service_ = &service;
  upstream_ = std::move(upstream);
  upstream_->counters().in_flight.fetch_add(1, std::memory_order_relaxed);
  policies_version_ = service_->policies_version_;
  for (auto& each : service_->policies_) each.policy->began(upstream_->place());
  counted_ = service_->options_.in_flight > 0 && service_->counters_ != nullptr;
  if (counted_) service_->counters_->in_flight.fetch_add(1, std::memory_order_relaxed);
  probes_ = CircuitBreaker::begin_probe(upstream_->counters(), service_->wheel_.coarse_now());
}

void InFlightCount::end() {
  if (!upstream_) return;
  upstream_->counters().in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (upstream_->place() != Upstream::nowhere) {
    for (auto& each : service_->policies_) {
      if (each.since <= policies_version_) each.policy->ended(upstream_->place());
    }
  }
  if (counted_) service_->counters_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (probes_) {
    CircuitBreaker::end_probe(upstream_->counters());
    if (upstream_->worker().last_resort) service_->trial_ended();
  }
  probes_ = counted_ = false;
  upstream_.reset();
  if (service_->is_limited()) service_->room_made();
}

void Service::close_idle_before(Instant oldest) {
  for (auto& upstream : upstreams_) upstream->close_idle_before(oldest);
}

}  // namespace tandem::master
