// connection_slots.hpp: who keeps a connection to a control address when there are too many.
//
// A stranger is a caller that has proved nothing yet: it has presented no token and, where none is
// required, sent no message of a member and no heartbeat of a worker. Strangers may have a part of
// the slots only, and the stranger that has waited longest without a request gives its slot to a
// newcomer: so idle connections keep no member out. A trusted caller never gives its slot to a
// stranger.
//
// Owner: the thread of the server. Always: no more than connections_max hold a slot.
#pragma once

#include <cstddef>
#include <list>

namespace tandem {

class ConnectionSlots {
 public:
  // What holds a slot. It outlives its slot: leave() comes first.
  class Holder {
   public:
    // It lost its slot: it must end, soon. May not call back.
    virtual void close() = 0;

   protected:
    ~Holder() = default;

   private:
    friend class ConnectionSlots;
    enum class Standing { none, waiting, busy, trusted };
    Standing standing_ = Standing::none;
    std::list<Holder*>::iterator place_{};  // among those that wait
  };

  // REQUIRES: 0 < strangers_max <= connections_max
  ConnectionSlots(std::size_t connections_max, std::size_t strangers_max)
      : connections_max_(connections_max), strangers_max_(strangers_max) {}

  // Adds a newcomer, as a stranger that waits for its request. False: there is no slot, and no
  // stranger that could give one up.
  bool enter(Holder& newcomer);
  void leave(Holder& holder);
  // Closes the stranger that has waited longest; false when none waits.
  bool evict();

  // A stranger's request is being answered: it is not interrupted / is waited for again.
  void begin_answer(Holder& holder);
  void end_answer(Holder& holder);
  void trust(Holder& holder);

 private:
  using Standing = Holder::Standing;

  void wait(Holder& holder);
  void stop_waiting(Holder& holder);

  const std::size_t connections_max_;
  const std::size_t strangers_max_;
  std::size_t connections_ = 0;
  std::size_t strangers_ = 0;
  std::list<Holder*> waiting_;  // strangers, the one that has waited longest first
};

}  // namespace tandem
