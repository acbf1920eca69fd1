// connection_slots.hpp: which callers get a connection when there are too few.
//
// A worker has a place for each connection that its masters may open, and some for direct callers:
// health checks, people, strangers. Only the first request shows who a caller is, by a proof that
// only masters can give; until then it is a newcomer. A caller without that proof never takes a
// master's place: newcomers that send no request and idle direct callers give way to the next
// caller, the oldest first.
//
// Not thread-safe: ConnectionServer's lock guards it. The control address has ConnectionSlots,
// which share callers by other rules.
#pragma once

#include <cstdint>
#include <list>

namespace tandem {

class CallerSlots {
 public:
  struct Capacity {
    unsigned direct = 0;     // connections whose requests have no proof
    unsigned masters = 0;    // connections of masters
    unsigned newcomers = 0;  // those that have not sent a complete head yet
    unsigned total() const { return direct + masters + newcomers; }
  };
  enum class Caller : std::uint8_t { newcomer, direct, master };
  enum class State : std::uint8_t {
    waiting,  // for the head of a request
    serving,
    evicted,  // it has lost its place, and its socket is shut down
  };
  struct Connection {
    int socket = -1;
    Caller caller = Caller::newcomer;
    State state = State::waiting;
  };
  using Handle = std::list<Connection>::iterator;  // valid until remove()
  enum class Admission { admitted, evicted, full };

  explicit CallerSlots(Capacity capacity) : capacity_(capacity) {}

  // A connection was accepted; the oldest newcomer gives way when there are too many.
  Handle add(int socket);
  // A head has arrived; `from_master`: with a valid proof, which all requests of masters have.
  // `full`: all places of direct callers are taken by requests that are being served.
  Admission begin_request(Handle connection, bool from_master);
  void end_request(Handle connection);
  // The socket is about to be closed.
  void remove(Handle connection);

  // The newcomer or idle direct caller that has waited longest gives way. False: there is none.
  bool evict_one();
  // Shuts all connections down, whatever they are doing.
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
  unsigned newcomers_ = 0;      // not counting evicted ones, likewise below
  unsigned direct_ = 0;
  unsigned masters_ = 0;
};

}  // namespace tandem
