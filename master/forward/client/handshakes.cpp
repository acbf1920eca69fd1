#include "master/forward/client/handshakes.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

#include "master/forward/client/limits.hpp"

namespace tandem::master {

namespace {

template <class Bytes>
std::uint64_t number_of(const Bytes& bytes, std::size_t count) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < count; ++i) number = number << 8 | bytes[i];
  return number;
}

// One client has the first 64 bits of an IPv6 address; an IPv4 client of an IPv6 listener is an
// IPv4 client.
std::pair<bool, std::uint64_t> key_of(const boost::asio::ip::address& address) {
  using namespace boost::asio::ip;
  if (address.is_v4()) return {false, address.to_v4().to_uint()};
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return {false, make_address_v4(v4_mapped, v6).to_uint()};
  return {true, number_of(v6.to_bytes(), 8)};
}

// A record of a handshake is here as a whole, as a rule a client's hello (RFC 8446 §5.1).
bool has_whole_record(int socket) {
  constexpr unsigned char handshake = 22;
  std::array<unsigned char, 5> head;
  const auto got = ::recv(socket, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got != static_cast<ssize_t>(head.size()) || head[0] != handshake) return false;
  int arrived = 0;
  if (::ioctl(socket, FIONREAD, &arrived) != 0) return false;
  return arrived >= static_cast<int>(head.size()) + (head[3] << 8 | head[4]);
}

}  // namespace

Handshakes::Handshakes(Reactor& io, HandshakeLimits limits) : io_(io), limits_(limits) {
  TANDEM_ASSERT(limits_.most > 0 && limits_.of_one_address > 0);
}

bool Handshakes::take_turn() {
  if (turn_ != io_.rounds()) {
    turn_ = io_.rounds();
    taken_ = 0;
  }
  return ++taken_ <= limits::handshake_steps_a_turn;
}

// A hello that has arrived waits for its turn: it is further, even if nobody has read it yet.
template <class Member>
void Handshakes::make_room(Kinds<Member>& kinds) {
  for (;;) {
    Handshake& first = kinds.first_to_go().whole();
    if (first.is_further_ || !has_whole_record(first.connection_.socket().native_handle())) {
      return end(first);
    }
    first.got_further();
  }
}

void Handshakes::end(Handshake& first) {
  remove(first);
  first.over_ = true;
  first.connection_.cancel();
}

void Handshakes::add(Handshake& handshake) {
  under_way_.of(handshake).push_front(handshake);
  handshake.listed_ = true;
  if (!handshake.address_) return;
  by_address_[*handshake.address_].of(handshake).push_front(handshake.of_address_);
}

void Handshakes::remove(Handshake& handshake) {
  if (!std::exchange(handshake.listed_, false)) return;
  under_way_.of(handshake).remove(handshake);
  if (!handshake.address_) return;
  const auto place = by_address_.find(*handshake.address_);
  place->second.of(handshake).remove(handshake.of_address_);
  if (place->second.empty()) by_address_.erase(place);
}

void Handshakes::Handshake::begin(const boost::asio::ip::address& client, bool counted) {
  auto& under_way = all_.under_way_;
  if (counted) {
    address_ = key_of(client);
    const auto place = all_.by_address_.find(*address_);
    const bool is_full =
        place != all_.by_address_.end() && place->second.size() >= all_.limits_.of_one_address;
    if (is_full) all_.make_room(place->second);
  }
  while (under_way.size() >= all_.limits_.most) all_.make_room(under_way);
  all_.add(*this);
}

void Handshakes::Handshake::got_further() {
  if (is_further_ || !listed_) return;
  // Whoever makes room holds on to these lists.
  all_.under_way_.move_further(*this);
  if (address_) all_.by_address_.find(*address_)->second.move_further(of_address_);
  is_further_ = true;
}

}  // namespace tandem::master
