// handshakes.hpp: the TLS handshakes of one loop that are under way, so that those that fail, or
// never end, cost nobody else anything.
//
// When one address has as many as it may, or the loop has as many as it may, one of them makes
// room. There are two kinds: those whose client has not said its hello yet, and those that are
// further; a hello that has arrived counts, even if nobody has read it yet. It is one of the kind
// of which there are more, the first of these to begin: it is the slowest. So clients behind one
// address (NAT) are neither kept out nor pushed out by one among them that leaves its handshakes
// half open, wherever it stops. And since an operation with a private key takes a loop longer than
// a hundred requests do, only a few handshakes go a step further in one turn of it; the others wait
// for the next. Owner: the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "master/forward/io/byte_stream.hpp"
#include "master/forward/io/intrusive_list.hpp"

namespace tandem::master {

// At this loop.
struct HandshakeLimits {
  std::size_t most = 1;
  std::size_t of_one_address = 1;
};

class Handshakes {
 public:
  Handshakes(Reactor& io, HandshakeLimits limits);

  // One of them, for as long as it lives.
  class Handshake : public IntrusiveListMember<Handshake> {
   public:
    // `connection` outlives it, and is cancelled when it has to make room.
    Handshake(Handshakes& all, ByteStream& connection) : all_(all), connection_(connection) {}
    ~Handshake() { all_.remove(*this); }
    // `counted`: the address may have so many; false: it stands for many clients, as a proxy does.
    void begin(const boost::asio::ip::address& client, bool counted);
    // Its client has said its hello. Repeated calls change nothing.
    void got_further();
    Handshake& whole() { return *this; }
    // It has made room for another.
    bool is_over() const { return over_; }

   private:
    friend class Handshakes;
    struct OfAddress : IntrusiveListMember<OfAddress> {
      explicit OfAddress(Handshake& handshake) : handshake_(handshake) {}
      Handshake& whole() { return handshake_; }

     private:
      Handshake& handshake_;
    };

    Handshakes& all_;
    ByteStream& connection_;
    // Whether it is IPv6, and its first 64 bits; unset: it is not counted.
    std::optional<std::pair<bool, std::uint64_t>> address_;
    OfAddress of_address_{*this};
    bool is_further_ = false;
    bool listed_ = false;
    bool over_ = false;
  };

  std::size_t size() const { return under_way_.size(); }
  // Whether one more may go a step further in this turn of the loop.
  bool take_turn();

 private:
  template <class Member>
  struct Kinds {
    std::size_t size() const { return begun.size() + further.size(); }
    bool empty() const { return size() == 0; }
    IntrusiveList<Member>& of(const Handshake& handshake) {
      return handshake.is_further_ ? further : begun;
    }
    // REQUIRES: it is not further
    void move_further(Member& member) {
      begun.remove(member);
      further.push_front(member);
    }
    // REQUIRES: !empty()
    Member& first_to_go() { return further.size() > begun.size() ? further.back() : begun.back(); }

    IntrusiveList<Member> begun;
    IntrusiveList<Member> further;
  };

  // One of these ends. REQUIRES: !kinds.empty()
  template <class Member>
  void make_room(Kinds<Member>& kinds);
  void end(Handshake& first);
  void add(Handshake& handshake);
  void remove(Handshake& handshake);

  Reactor& io_;
  const HandshakeLimits limits_;
  Kinds<Handshake> under_way_;
  // None of them is empty.
  std::map<std::pair<bool, std::uint64_t>, Kinds<Handshake::OfAddress>> by_address_;
  std::uint64_t turn_ = 0;
  unsigned taken_ = 0;  // in that turn
};

}  // namespace tandem::master
