#include "master/forward/client/clients.hpp"

#include <algorithm>

#include "master/forward/client/client_session.hpp"
#include "master/forward/client/limits.hpp"

namespace tandem::master {

Clients::Clients(Context& context, std::shared_ptr<ClientCounts> counts, HandshakeLimits handshakes,
                 std::function<void()> on_left)
    : context_(context),
      counts_(std::move(counts)),
      on_left_(std::move(on_left)),
      handshakes_(context.io(), handshakes),
      inner_handshakes_(context.io(), handshakes) {}

Clients::~Clients() { TANDEM_ASSERT(sessions_.empty()); }

void Clients::use(std::shared_ptr<ClientCounts> counts) {
  TANDEM_ASSERT(counts_ == nullptr || counts_ == counts);  // whoever was counted leaves there
  counts_ = std::move(counts);
}

void Clients::serve(ByteStream connection, const Arrival& arrival,
                    std::shared_ptr<const Entrance> entrance) {
  ClientSession::start(context_, *this, std::move(connection), arrival, std::move(entrance));
}

void Clients::pass_on(Take take) {
  take_ = std::move(take);
  if (take_ != nullptr) pass_on_idle();
}

void Clients::pass_on_idle() {
  sessions_.for_each([](ClientSession& session) { session.prepare_to_pass(); });
}

void Clients::tell_of_leaving(const Entrance& entrance) {
  sessions_.for_each([&entrance](ClientSession& session) { session.tell_of_leaving(entrance); });
}

void Clients::drain() {
  sessions_.for_each([](ClientSession& session) { session.drain(); });
}

void Clients::abort() {
  sessions_.for_each([](ClientSession& session) { session.abort(); });
}

void Clients::close_idle_since(Instant since) {
  sessions_.for_each([since](ClientSession& session) { session.close_if_idle_since(since); });
}

void Clients::close_idle() {
  const auto idle_since = context_.coarse_now() - limits::idle_when_scarce;
  const auto most = std::min<std::size_t>(sessions_.size(), limits::shed_looked_at_max);
  unsigned closed = 0;
  // A client that was looked at moves to the front, so that all have their turn.
  for (std::size_t looked = 0; looked < most && closed < limits::shed_at_once_max; ++looked) {
    auto& session = sessions_.back();
    sessions_.remove(session);
    sessions_.push_front(session);
    if (session.close_if_idle_since(idle_since)) ++closed;
  }
}

void Clients::look_at_masters() {
  if (masters_.empty()) return;
  const auto before = masters_;  // whoever is cut off may leave at once
  for (auto* const session : before) {
    if (masters_.contains(session)) session->abort_unless_believed();
  }
}

void Clients::adopt(ClientSession& session) { sessions_.push_front(session); }

void Clients::forget(ClientSession& session) {
  sessions_.remove(session);
  masters_.erase(&session);
  on_left_();
}

}  // namespace tandem::master
