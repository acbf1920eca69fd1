#include "master/forward/workers/upstream.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/relaxed.hpp"
#include "common/wire/term_proof.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

Upstream::Upstream(std::shared_ptr<const SnapshotWorker> worker, unsigned loops)
    : worker_(std::move(worker)), loops_(loops) {
  TANDEM_ASSERT(loops_ > 0);
  TANDEM_ASSERT(worker_->counters != nullptr);
  answers_ = counters().answers.take();
  endpoint_ = {asio::ip::make_address(worker_->address.host), worker_->address.port};
  host_and_port_ = worker_->address.to_string();
}

void Upstream::stick_by(const StickyCookie& sticky) {
  // Until the cluster has its secret nobody sticks.
  cookie_ = sticky.is_on() ? worker_->cookie : std::string();
  set_cookie_ = cookie_.empty() ? std::string() : sticky.set_cookie(cookie_);
}

std::string_view Upstream::proof_of(Term term) {
  TANDEM_ASSERT(term != Term());
  if (worker_->term_key.empty()) return {};
  if (proven_term_ != term) {
    proof_ = wire::proven_term(term, worker_->term_key);
    proven_term_ = term;
  }
  return proof_;
}

void Upstream::update(std::shared_ptr<const SnapshotWorker> worker) {
  TANDEM_ASSERT(worker->id == worker_->id);
  if (worker->term_key != worker_->term_key) proven_term_ = Term();
  worker_ = std::move(worker);
  retired_ = false;
  speak(of_service_);
}

bool Upstream::may_open() const {
  return counters().open_connections.load(relaxed) < worker_->connections;
}

void Upstream::leave_place() {
  TANDEM_ASSERT(open_ > 0);
  --open_;
  counters().open_connections.fetch_sub(1, relaxed);
}

void Upstream::free_kept_place() {
  leave_place();
  if (place_freed_) place_freed_();
}

// What happened at a connection since the reactor looked is not known. Those that were put back
// since then are at the end, and are taken when there are no others.
WorkerCallPtr Upstream::take_idle(Look look) {
  if (protocol_ == wire::WorkerProtocol::http2) return take_stream(look);
  while (!idle_.empty()) {
    const auto is_settled = [](const auto& each) { return each->is_settled(); };
    auto end = idle_.end();
    if (!is_settled(idle_.back())) end = std::partition_point(idle_.begin(), end, is_settled);
    const auto place = std::prev(end == idle_.begin() ? idle_.end() : end);
    auto call = std::move(*place);
    idle_.erase(place);
    call->wake();
    if ((call->is_known() && look == Look::if_in_doubt) || call->is_quiet()) return call;
    if (call->has_spoken()) distrust(now());
  }
  return nullptr;
}

// Whether one is still quiet is asked each time: they are few.
WorkerCallPtr Upstream::take_idle_of(std::string_view client) {
  for (;;) {
    const auto place = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const auto& each) { return each->client() == client; });
    if (place == idle_.rend()) return nullptr;
    auto call = std::move(*place);
    idle_.erase(std::next(place).base());
    call->wake();
    if (call->is_quiet()) return call;
    if (call->has_spoken()) distrust(now());
  }
}

WorkerCallPtr Upstream::open_for(std::string_view client, const WorkerIo& io) {
  TANDEM_ASSERT(announces_clients());
  if (!take_place()) {
    if (idle_.empty()) return nullptr;
    idle_.erase(idle_.begin());
    if (!take_place()) return nullptr;
  }
  return std::make_unique<H1Call>(shared_from_this(), io, std::string(client));
}

void Upstream::announce_clients(bool announces) {
  if (std::exchange(announces_clients_, announces) != announces) idle_.clear();
}

void Upstream::drop_idle(const H1Call& call) {
  const auto place = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const auto& each) { return each.get() == &call; });
  TANDEM_ASSERT(place != idle_.end());
  idle_.erase(place);
}

bool Upstream::take_place() {
  if (counters().open_connections.fetch_add(1, relaxed) >= worker_->connections) {
    counters().open_connections.fetch_sub(1, relaxed);
    return false;
  }
  ++open_;
  return true;
}

WorkerCallPtr Upstream::open(const WorkerIo& io, Sharing sharing) {
  if (!take_place()) return nullptr;
  if (protocol_ == wire::WorkerProtocol::http2) {
    auto chosen = sharing == Sharing::shared ? link(io) : begin_link(io);
    return std::make_unique<H2Call>(shared_from_this(), std::move(chosen), io, sharing);
  }
  return std::make_unique<H1Call>(shared_from_this(), io);
}

// ---- HTTP/2

void Upstream::speak(wire::WorkerProtocol of_service) {
  of_service_ = of_service;
  const auto protocol = worker_->protocol.value_or(of_service);
  if (protocol == std::exchange(protocol_, protocol)) return;
  idle_.clear();
  for (auto& link : std::exchange(links_, {})) link->retire();
}

void Upstream::secure_by(std::shared_ptr<const tandem::tls::WorkerTls> of_service) {
  auto tls = worker_->tls != nullptr ? worker_->tls : std::move(of_service);
  if (tls == tls_) return;
  tls_ = std::move(tls);
  idle_.clear();
  for (auto& link : std::exchange(links_, {})) link->retire();
}

std::shared_ptr<WorkerLink> Upstream::begin_link(const WorkerIo& io) {
  return WorkerLink::begin(io, endpoint_, tls_);
}

// On a connection that is ready.
WorkerCallPtr Upstream::take_stream(Look look) {
  for (const auto& link : links_) {
    if (!link->has_room()) continue;
    if (look == Look::always && !link->looks_open()) {
      link->retire();
      continue;
    }
    if (!take_place()) return nullptr;
    return std::make_unique<H2Call>(shared_from_this(), link, link->worker_io());
  }
  return nullptr;
}

std::shared_ptr<WorkerLink> Upstream::link(const WorkerIo& io) {
  std::erase_if(links_, [](const auto& link) { return link->is_closed(); });
  for (const auto& link : links_) {
    if (link->has_room() || link->is_being_made()) return link;
  }
  auto fresh = begin_link(io);
  // One that could not even begin has ended, and is not kept.
  if (!fresh->has_ended()) links_.push_back(fresh);
  return fresh;
}

bool Upstream::gives_place_away() {
  return open_ >= share_floor() && counters().place_wanted.exchange(false, relaxed);
}

void Upstream::close_links() {
  for (auto& link : std::exchange(links_, {})) link->close();
}

bool Upstream::put_back(std::unique_ptr<H1Call> call, Instant now) {
  TANDEM_ASSERT(&call->upstream() == this);
  if (retired_ || call->is_outdated(now)) return false;
  if (!call->stays_quiet()) {
    if (call->has_spoken()) distrust(now);
    return false;
  }
  if (now < distrusted_until_) {
    call->break_off();
    return false;
  }
  if (open_ > share_floor() && counters().place_wanted.exchange(false, relaxed)) return true;
  call->fall_idle(now);
  idle_.push_back(std::move(call));
  return false;
}

void Upstream::distrust(Instant now) {
  if (now >= distrusted_until_) {
    log::warn(
        "worker says more than it was asked for, its connections carry one request each name={} "
        "minutes={}",
        worker_->name, std::chrono::minutes(limits::distrust_time).count());
  }
  distrusted_until_ = now + limits::distrust_time;
  idle_.clear();
}

void Upstream::retire() {
  retired_ = true;
  place_ = nowhere;
  place_freed_ = nullptr;
  idle_.clear();
  for (auto& link : std::exchange(links_, {})) link->retire();
  if (!counters().down.load(relaxed)) return;
  in_flight_.for_each([](UnansweredRequest& request) { request.abandon(); });
}

void Upstream::close_idle_before(Instant oldest) {
  std::size_t old = 0;
  while (old < idle_.size() && idle_[old]->idle_since() < oldest) ++old;
  idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(old));
  std::erase_if(links_, [oldest](const auto& link) {
    if (link->is_idle_since(oldest)) link->retire();
    return link->is_closed();
  });
}

bool Upstream::give_back_idle() {
  if (idle_.empty() || open_ <= share_floor()) return false;
  idle_.erase(idle_.begin());
  return true;
}

}  // namespace tandem::master
