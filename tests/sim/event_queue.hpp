// event_queue.hpp: the planned events. Events at the same time happen in the order in which they
// were planned, so that one seed gives one history.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "tests/sim/clock_model.hpp"

namespace tandem::sim {

enum class EventKind : std::uint8_t {
  deliver,             // number: the message's place
  tick,                // of the core
  disk,                // a write reached the disk. number: the write's; other: the disk's refusals
  durable,             // ... and the process hears of it
  disk_failed,         // the process hears that its disk refuses. other: its refusals
  disk_works,          // ... and that it writes again
  apply,               // the state machine has applied a part of the committed entries
  snapshot,            // the state machine's copy is ready. number: its index
  connection_lost,     // other: to whom
  connection_refused,  // other: by whom; local: when the attempt began
  beat,                // a worker heartbeats
  heartbeat,           // ... and a master hears it. number: the incarnation; other: the worker
  scan,                // a master's tick, which examines its workers
  announce,            // a worker is told a term. number: the term; other: by whom
  announced,           // ... and the master hears that it was
  announce_over,       // the master waits no longer
  request,             // a forwarded request reaches a worker. number: the term
  propose,             // a client's change reaches a master. other: the client
  acknowledge,         // ... and the answer reaches the client
  ask,                 // a client's question reaches a master. number: what was known
  answered,            // ... and the answer reaches the client. number: the last entry in it
  client,              // a client acts
  restart,             // a process starts again
  operate,             // an operator adds, removes or replaces a master
  clear_away,          // ... or uses the machine of one that is gone for something else
  ambush,              // a primary that has just been elected is hit
  fault,               // the next fault is due
  fault_over,          // number: which
  phase,               // faults stop, or start again
  drain,               // an operator drains a worker, or ends that
};

struct Event {
  SimTime at{0};
  std::uint64_t order = 0;
  EventKind kind{};
  std::uint32_t target = 0;  // a machine, or a client
  std::uint32_t other = 0;
  std::uint64_t number = 0;
  std::uint64_t life = 0;  // of the target's process when it was planned; 0: any
  Instant local{};
};

class EventQueue {
 public:
  void push(Event event) {
    event.order = ++planned_;
    heap_.push(event);
  }
  const Event& top() const { return heap_.top(); }
  Event pop() {
    const Event event = heap_.top();
    heap_.pop();
    return event;
  }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> heap_;
  std::uint64_t planned_ = 0;
};

}  // namespace tandem::sim
