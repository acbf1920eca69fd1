// wait.hpp: how long an attempt waits for its master: until the deadline, but only while the master
// is alive.
//
// A slow answer and a frozen master look the same on the waiting connection. So a master that has
// been silent for `probe_after` is probed, and has the same time to give a sign of life, on any
// connection of the client. A slow answer is waited for until the caller's deadline.
//
// Owner: the thread whose call waits.
#pragma once

#include <functional>
#include <optional>

#include "common/base/time.hpp"
#include "common/client/src/deadline.hpp"
#include "common/client/src/liveness_probe.hpp"

namespace tandem::client {

// The master that is waited for.
struct Waited {
  SignOfLife& life;
  const Endpoint& master;
  const ClientTls* tls;  // null: in clear
};

class Wait {
 public:
  // `gives_up`: asked when the master seems dead; false: keep waiting nevertheless, without further
  // probes. Zero `probe_after`: never probe. All references outlive it.
  Wait(Deadline& deadline, Waited waited, Duration probe_after, std::function<bool()> gives_up)
      : deadline_(deadline),
        waited_(waited),
        probe_after_(probe_after),
        gives_up_(std::move(gives_up)) {}

  enum class End {
    ready,
    late,  // the deadline, or `until`, came first
    dead,  // the master is not alive, and the attempt is given up
  };
  // Waits for one of `events` (of poll(2)) at a connected socket; `came` is set to those that
  // occurred.
  End wait(int socket, short events, short& came, Instant until = Instant::forever());

  Deadline& deadline() { return deadline_; }
  // Something was received from the master.
  void heard() { waited_.life.seen(); }
  // The master was probed, and was alive.
  bool was_alive() const { return was_alive_; }

 private:
  // Starts or checks a probe; `next`: when to call again. False: give the attempt up.
  bool tend_probe(int socket, Instant since, Instant& next);

  Deadline& deadline_;
  const Waited waited_;
  const Duration probe_after_;
  const std::function<bool()> gives_up_;
  std::optional<LivenessProbe> probe_;
  Instant probed_at_;
  bool waits_on_ = false;
  bool was_alive_ = false;
};

}  // namespace tandem::client
