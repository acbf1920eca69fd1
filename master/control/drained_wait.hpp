// drained_wait.hpp: waits until the last request of a drained worker has ended.
//
// A request in flight is counted by the master that forwarded it: the primary, and one that led
// before it, which finishes what it had begun. So the other masters are asked, each until it has
// nothing in flight, which then stays so since it does not lead. A master that gives no answer is
// not waited for: its process has ended, or it is frozen or cut off and its clients have given up.
//
// A wait is a coroutine and a timer, no thread; limits::drained_waits_max of them at once. A wait
// does not end when its caller goes away; it ends in time. Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/core/ids.hpp"
#include "common/http/http_call.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

struct DrainedWaitOptions {
  // The control addresses of the other masters; empty: there are none.
  std::function<std::map<core::NodeId, Endpoint>()> masters{};
  std::function<std::string()> token{};  // presented to them; unset, or empty: none
  // Whether all forwarding loops use the snapshot of that version; empty: nobody forwards.
  std::function<bool(std::uint64_t version)> has_adopted{};
  std::function<bool()> leads{};  // whether this master leads and is not about to stop
  // Whether this master's state is certainly the cluster's newest. While it is not, waits continue.
  std::function<bool()> may_answer{};
};

struct DrainedOutcome {
  enum class End {
    drained,        // no requests are in flight any more, or the worker is gone
    in_flight,      // the time is over
    undrained,      // an operator has undrained it
    leads_no_more,  // another master has to be asked from now on
    busy,           // there are too many waits
  };
  End end = End::drained;
  unsigned in_flight = 0;  // as last seen, at all masters together
};

class DrainedWait {
 public:
  // All outlive it; `calls`, which ask the others, are of that loop. REQUIRES: options.leads and
  // may_answer are set.
  DrainedWait(boost::asio::io_context& loop, HttpCalls& calls, const Registry& registry,
              DrainedWaitOptions options)
      : loop_(loop), calls_(calls), registry_(registry), options_(std::move(options)) {}

  // REQUIRES: the drain of `name` was committed.
  boost::asio::awaitable<DrainedOutcome> wait(std::string name, Duration timeout);

 private:
  // What one of the other masters has in flight.
  struct Other {
    Endpoint control;
    unsigned in_flight = 0;
    unsigned silences = 0;  // times it was asked in vain
    bool done = false;
  };
  using Others = std::map<core::NodeId, Other>;

  boost::asio::awaitable<DrainedOutcome> poll(const std::string& name, Instant deadline);
  boost::asio::awaitable<void> ask(Others& others, const std::string& name);

  boost::asio::io_context& loop_;
  HttpCalls& calls_;
  const Registry& registry_;
  const DrainedWaitOptions options_;
  std::size_t waiting_ = 0;
};

}  // namespace tandem::master
