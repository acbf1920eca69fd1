#include "master/forward/upstream.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

namespace tandem::master {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}

UpstreamConnection::UpstreamConnection(std::shared_ptr<Upstream> upstream, Socket socket)
    : upstream_(std::move(upstream)), socket_(std::move(socket)) {}

UpstreamConnection::~UpstreamConnection() {
  TANDEM_ASSERT(upstream_->open_ > 0);
  --upstream_->open_;
  upstream_->counters().open_connections.fetch_sub(1, relaxed);
  socket_.close();
}

Upstream::Upstream(std::shared_ptr<const SnapshotWorker> worker, unsigned loops)
    : worker_(std::move(worker)), loops_(loops) {
  TANDEM_ASSERT(loops_ > 0);
  TANDEM_ASSERT(worker_->counters != nullptr);
  endpoint_ = {asio::ip::make_address(worker_->address.host), worker_->address.port};
  host_and_port_ = worker_->address.to_string();
}

void Upstream::stick_by(const StickyCookie& sticky) {
  cookie_ = sticky.is_on() ? sticky.value_for(worker_->name) : std::string();
  set_cookie_ = sticky.is_on() ? sticky.set_cookie(cookie_) : std::string();
}

void Upstream::update(std::shared_ptr<const SnapshotWorker> worker) {
  TANDEM_ASSERT(worker->id == worker_->id);
  worker_ = std::move(worker);
  retired_ = false;
}

bool Upstream::may_open() const {
  return counters().open_connections.load(relaxed) < worker_->connections;
}

UpstreamConnectionPtr Upstream::take_idle() {
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

UpstreamConnectionPtr Upstream::open(Reactor& io) {
  if (counters().open_connections.fetch_add(1, relaxed) >= worker_->connections) {
    counters().open_connections.fetch_sub(1, relaxed);
    return nullptr;
  }
  ++open_;
  return std::make_unique<UpstreamConnection>(shared_from_this(), Socket(io));
}

bool Upstream::put_back(UpstreamConnectionPtr connection, Instant now) {
  TANDEM_ASSERT(connection->upstream_.get() == this);
  if (retired_) return false;
  if (open_ > share_floor() && counters().wanted.exchange(false, relaxed)) return true;
  connection->reused_ = true;
  connection->idle_since_ = now;
  idle_.push_back(std::move(connection));
  return false;
}

void Upstream::retire() {
  retired_ = true;
  place_ = nowhere;
  idle_.clear();
  if (!counters().down.load(relaxed)) return;
  in_flight_.for_each([](InFlight& request) { request.abandon(); });
}

void Upstream::close_idle_before(Instant oldest) {
  std::size_t old = 0;
  while (old < idle_.size() && idle_[old]->idle_since_ < oldest) ++old;
  idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(old));
}

bool Upstream::give_back_idle() {
  if (idle_.empty() || open_ <= share_floor()) return false;
  idle_.erase(idle_.begin());
  return true;
}

bool Upstream::is_starved() const { return !has_room() && open_ < std::max(1u, share_floor()); }

}  // namespace tandem::master
