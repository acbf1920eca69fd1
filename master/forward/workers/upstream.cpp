#include "master/forward/workers/upstream.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "common/wire/term_proof.hpp"

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

void UpstreamConnection::stir(void* connection) {
  auto& self = *static_cast<UpstreamConnection*>(connection);
  const auto upstream = self.upstream_;  // outlives its last connection
  upstream->drop_idle(self);
}

Upstream::Upstream(std::shared_ptr<const SnapshotWorker> worker, unsigned loops)
    : worker_(std::move(worker)), loops_(loops) {
  TANDEM_ASSERT(loops_ > 0);
  TANDEM_ASSERT(worker_->counters != nullptr);
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
}

bool Upstream::may_open() const {
  return counters().open_connections.load(relaxed) < worker_->connections;
}

// What happened at a connection since the reactor looked is not known. Those that were put back
// since then are at the end, and are taken when there are no others.
UpstreamConnectionPtr Upstream::take_idle(Look look) {
  while (!idle_.empty()) {
    const auto& io = idle_.back()->socket_.reactor();
    const auto is_settled = [round = io.rounds()](const auto& each) {
      return each->idle_round_ < round;
    };
    auto end = idle_.end();
    if (!is_settled(idle_.back())) end = std::partition_point(idle_.begin(), end, is_settled);
    const bool is_known = end != idle_.begin() && io.is_caught_up();
    const auto place = std::prev(end == idle_.begin() ? idle_.end() : end);
    auto connection = std::move(*place);
    idle_.erase(place);
    connection->socket_.expect_answer();
    if ((is_known && look == Look::if_in_doubt) || is_quiet(connection->socket_)) {
      return connection;
    }
  }
  return nullptr;
}

void Upstream::drop_idle(const UpstreamConnection& connection) {
  const auto place = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const auto& each) { return each.get() == &connection; });
  TANDEM_ASSERT(place != idle_.end());
  idle_.erase(place);
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
  if (retired_ || !connection->socket_.stays_quiet()) return false;
  if (open_ > share_floor() && counters().wanted.exchange(false, relaxed)) return true;
  connection->reused_ = true;
  connection->idle_since_ = now;
  connection->idle_round_ = connection->socket_.reactor().rounds();
  connection->socket_.expect_quiet(&UpstreamConnection::stir, connection.get());
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

}  // namespace tandem::master
