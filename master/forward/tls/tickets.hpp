// tickets.hpp: the ring of ticket keys that this master uses, and when it turns.
//
// The primary's turns after each interval, once every other master has said that it has it, so that
// the key which is going to encrypt is on all of them; one that does not say so for a 24th of an
// interval (half an hour) is not waited for. The others take the primary's; one that hears of no
// primary for half an interval goes on by itself, for no key is to encrypt for ever.
//
// Owner: the control thread, once that runs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "master/forward/tls/ticket_keys.hpp"
#include "master/forward/tls/ticket_ring.hpp"

namespace tandem::master::tls {

class Tickets {
 public:
  using Time = TicketRing::Time;
  using Interval = std::chrono::milliseconds;
  // Takes keys into use, on all loops.
  using Use = std::function<void(std::shared_ptr<const TicketKeys>)>;

  // Begins with a ring of its own.
  Tickets(Interval interval, Time now) : interval_(interval), ring_(TicketRing::make(now)) {}

  const TicketRing& ring() const { return ring_; }
  std::shared_ptr<const TicketKeys> keys() const { return TicketKeys::make(ring_); }

  enum class Standing {
    primary,         // every other master has the ring of this one
    primary_awaits,  // some have not
    other,           // the primary's ring counts
  };
  // How long a key encrypts, from now on.
  void set_interval(Interval interval) { interval_ = interval; }
  // To be called now and then.
  void tick(Time now, Standing standing, const Use& use);
  // Before its time, as an operator says.
  void turn(Time now, const Use& use);
  // The primary's, as TicketRing::to_bytes() made it. False: it is no ring.
  bool take(std::string_view bytes, Time now, const Use& use);

 private:
  Interval interval_;
  TicketRing ring_;
};

}  // namespace tandem::master::tls
