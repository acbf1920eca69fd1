// connection_slots.hpp: which callers get a connection when there are too few.
//
// A worker has a place for each connection that its masters may open, and some for callers that
// come directly: health checks, people, strangers. Who a caller is shows only in its first request,
// by the proof that only masters have; until then it is a newcomer. A caller that has not proved to
// be a master never holds a place of one: newcomers that send no request and idle direct callers
// give way, the oldest first, to the next caller.
//
// Not thread-safe: ConnectionServer's lock guards it.
#pragma once

#include <cstdint>
#include <list>

namespace tandem {

class ConnectionSlots {
 public:
  struct Capacity {
    unsigned direct = 0;     // connections whose requests come without proof
    unsigned masters = 0;    // connections of masters
    unsigned newcomers = 0;  // that have sent no whole head yet
    unsigned total() const { return direct + masters + newcomers; }
  };
  enum class Caller : std::uint8_t { newcomer, direct, master };
  enum class State : std::uint8_t {
    waiting,  // for the head of a request
    serving,
    evicted,  // it has lost its place, and its socket was shut down
  };
  struct Connection {
    int socket = -1;
    Caller caller = Caller::newcomer;
    State state = State::waiting;
  };
  using Handle = std::list<Connection>::iterator;  // valid until remove()
  enum class Admission { admitted, evicted, full };

  explicit ConnectionSlots(Capacity capacity) : capacity_(capacity) {}

  // A connection was accepted; the oldest newcomer gives way when there are too many.
  Handle add(int socket);
  // A head has come; `from_master`: with a valid proof, as all requests of masters have. `full`:
  // direct callers have all the places that they may have, and are being served in each of them.
  Admission begin_request(Handle connection, bool from_master);
  void end_request(Handle connection);
  // The socket is about to be closed.
  void remove(Handle connection);

  // The newcomer or idle direct caller that has waited longest gives way. False: there is none.
  bool evict_one();
  // Ends them all, whatever they are doing.
  void shut_down_all();

  bool empty() const { return open_.empty(); }
  std::size_t size() const { return open_.size(); }
  const Capacity& capacity() const { return capacity_; }

 private:
  bool evict_waiting(Caller caller);
  unsigned& count_of(Caller caller);
  void move(Connection& connection, Caller caller);

  const Capacity capacity_;
  std::list<Connection> open_;  // the one that has waited longest first
  unsigned newcomers_ = 0;      // without those evicted, as below
  unsigned direct_ = 0;
  unsigned masters_ = 0;
};

}  // namespace tandem
