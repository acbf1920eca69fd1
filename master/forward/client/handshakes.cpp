#include "master/forward/client/handshakes.hpp"

#include "master/forward/client/limits.hpp"

namespace tandem::master {

Handshakes::Handshakes(Reactor& io, HandshakeLimits limits) : io_(io), limits_(std::move(limits)) {
  TANDEM_ASSERT(limits_.most > 0);
}

bool Handshakes::take_turn() {
  if (turn_ != io_.rounds()) {
    turn_ = io_.rounds();
    taken_ = 0;
  }
  return ++taken_ <= limits::handshake_steps_a_turn;
}

void Handshakes::make_room() {
  while (under_way_.size() >= limits_.most) {
    auto& first = under_way_.back();
    under_way_.remove(first);
    first.listed_ = false;
    first.over_ = true;
    first.connection_.cancel();
  }
}

bool Handshakes::Handshake::begin(const boost::asio::ip::address& client, bool counted) {
  if (counted && all_.limits_.counts != nullptr) {
    counted_as_ = all_.limits_.counts->enter(client);
    if (!counted_as_) return false;
  }
  all_.make_room();
  all_.under_way_.push_front(*this);
  listed_ = true;
  return true;
}

Handshakes::Handshake::~Handshake() {
  if (listed_) all_.under_way_.remove(*this);
  if (counted_as_) all_.limits_.counts->leave(*counted_as_);
}

}  // namespace tandem::master
