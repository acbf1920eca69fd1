// handshakes.hpp: the TLS handshakes of one loop that are under way, so that those that fail, or
// never end, cost nobody else anything.
//
// One address has so many at once, whichever loops they are at: more are closed. When there are as
// many as a loop may have, the one that began first makes room: it is the slowest. And since an
// operation with a private key takes a loop longer than a hundred requests do, only a few
// handshakes go a step further in one turn of it; the others wait for the next.
// Owner: the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "master/forward/client/client_counts.hpp"
#include "master/forward/io/byte_stream.hpp"
#include "master/forward/io/intrusive_list.hpp"

namespace tandem::master {

struct HandshakeLimits {
  std::size_t most = 1;                    // at this loop
  std::shared_ptr<ClientCounts> counts{};  // at all loops; null: of one address there may be any
};

class Handshakes {
 public:
  Handshakes(Reactor& io, HandshakeLimits limits);

  // One of them, for as long as it lives.
  class Handshake : public IntrusiveListMember<Handshake> {
   public:
    // `connection` outlives it, and is cancelled when it has to make room.
    Handshake(Handshakes& all, ByteStream& connection) : all_(all), connection_(connection) {}
    ~Handshake();
    // False: its client has as many as it may.
    bool begin(const boost::asio::ip::address& client, bool counted);
    // It has made room for another.
    bool is_over() const { return over_; }

   private:
    friend class Handshakes;
    Handshakes& all_;
    ByteStream& connection_;
    std::optional<ClientCounts::Key> counted_as_;
    bool listed_ = false;
    bool over_ = false;
  };

  std::size_t size() const { return under_way_.size(); }
  // Whether one more may go a step further in this turn of the loop.
  bool take_turn();

 private:
  void make_room();

  Reactor& io_;
  const HandshakeLimits limits_;
  IntrusiveList<Handshake> under_way_;
  std::uint64_t turn_ = 0;
  unsigned taken_ = 0;  // in that turn
};

}  // namespace tandem::master
