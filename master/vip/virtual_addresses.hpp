// virtual_addresses.hpp: virtual addresses for clients (--vip): this host has them only while this
// master leads and may serve.
//
// A thread of its own adds them when the serving gate opens, announces them at once and a few times
// more, and removes them when the gate shuts, or a margin before the lease ends, whatever the other
// threads are doing. A process that is frozen or killed removes nothing, so the addresses have a
// lifetime, after which the kernel removes them (limits::vip_lifetime); until then hosts follow the
// later announcements of the next primary. When a frozen process wakes, the thread checks the gate
// before it announces anything.
//
// Always: an address is added, renewed and announced only if the gate was open just before by the
// real clock. The primary takes it without probing whether it is free, because after a crash the
// host of the former primary still has it. If another host keeps claiming it, that is logged and
// shown in the status.
#pragma once

#include <condition_variable>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/status.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/vip/packet_socket.hpp"
#include "master/vip/rtnetlink.hpp"
#include "master/vip/vip_spec.hpp"

namespace tandem::master {

struct VirtualAddressesOptions {
  std::vector<VipSpec> vips;  // at least one
  Duration margin{0};         // how long before the end of the lease they are removed
};

class VirtualAddresses {
 public:
  // Whether open() will do, as far as that can be seen without removing anything. Errors: as its.
  static Result<> check(const std::vector<VipSpec>& vips);
  // Removes what an earlier process has left, and starts the thread. `gate` outlives it. Errors:
  // `invalid`, naming the flag: a capability is missing, there is no such interface, or the address
  // was added by others.
  static Result<std::unique_ptr<VirtualAddresses>> open(VirtualAddressesOptions options,
                                                        const ServingGate& gate);
  // Gives the addresses up.
  ~VirtualAddresses();
  VirtualAddresses(const VirtualAddresses&) = delete;
  VirtualAddresses& operator=(const VirtualAddresses&) = delete;

  // ---- any thread
  // Clients are served: the addresses are taken whenever the gate is open.
  void serve();
  // The gate has been opened or shut. If it is shut, this returns once the addresses are gone,
  // after limits::vip_removal_wait at most, so that a successor may lead only after that.
  void look_at_gate();
  // Gives them up for good, just as quickly.
  void end();
  std::vector<wire::VipStatus> status() const;

 private:
  struct Place;
  enum class Wish { none, serve, end };

  VirtualAddresses(VirtualAddressesOptions options, const ServingGate& gate, Rtnetlink kernel,
                   AddressEvents events, PacketSocket packets);
  void wake();
  void await_removal();

  // On the thread:
  void run();
  bool may_hold(Instant now) const;
  void take(Instant now);
  void give_up();
  void renew(Instant now);
  void put(Place& place, Instant now);
  void announce_due(Instant now);
  void announce(const Place& place);
  void take_events(Instant now);
  void note_claims(Instant now);
  void note_problem(Place& place, std::string problem);
  Instant due(Instant now) const;
  void wait_until(Instant due);
  void publish();

  const VirtualAddressesOptions options_;
  const ServingGate& gate_;
  Rtnetlink kernel_;
  AddressEvents events_;
  PacketSocket packets_;
  const int wake_;   // an eventfd
  const int timer_;  // a timerfd
  std::vector<Place> places_;
  Instant renewal_ = Instant::never();  // the last one

  mutable Mutex mutex_;  // guards what follows
  std::condition_variable removed_;
  Wish wish_ TANDEM_GUARDED_BY(mutex_) = Wish::none;
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  bool holds_ =
      false;  // the addresses may be on this host; only the thread writes it, under the lock
  std::vector<wire::VipStatus> status_ TANDEM_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace tandem::master
