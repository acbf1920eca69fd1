// control_plane.hpp: everything of a master that is not the forwarding of requests, on a thread of
// its own: the registry, the probes of backends, the control API.
//
// main() constructs one, starts it, and hands its snapshots to the forwarding loops. All parts run
// on one loop, the control loop; what other threads may call is said so at each function.
//
// Always: on_snapshot is called on the control thread; nothing is called back after stop()
// returned.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

struct ControlPlaneOptions {
  std::string node{};                            // this master's name
  Endpoint control{"127.0.0.1", 7070};           // --control; port 0: the kernel chooses
  std::optional<Endpoint> listen{};              // where clients connect, for /status
  Duration worker_heartbeat = 1s;                // --worker-heartbeat
  Duration forget_after = limits::forget_after;  // a worker that is down for so long is forgotten
  std::string data_dir{};                        // --data-dir; empty: decisions do not survive
  std::vector<wire::WorkerSpec> backends{};      // --backend
  std::string token_file{};                      // --token-file; empty: no token, loopback only

  // Errors: `invalid`, naming the flag: a control address that others can reach without a token, a
  // heartbeat interval outside limits, a name that is none. These are errors of usage.
  Result<> validate() const;
};

class ControlPlane {
 public:
  // `on_snapshot` gets each snapshot, the first soon after start(), on the control thread.
  ControlPlane(ControlPlaneOptions options, std::function<void(SnapshotPtr)> on_snapshot);
  // Stops it if it runs.
  ~ControlPlane();

  // Opens the data directory, binds the control address, starts the thread. Once.
  // Errors: one sentence, with the flag in `field` where one is at fault. `invalid` is an error of
  // usage or configuration (exit status 2); all others are not (1).
  Result<> start();

  // The control address with the port that the kernel chose. REQUIRES: start() succeeded. Any
  // thread.
  Endpoint address() const;

  // A forwarding loop failed at a worker: it is suspect until its next good sign. Any thread.
  // The loop that turns counters->suspect from false to true reports, others need not: that keeps
  // it one report per failure, however many requests met it. REQUIRES: that flag is true.
  void report_failure(WorkerId id, FailureKind kind);

  // What GET /ready answers from now on. Any thread.
  void set_draining(bool draining);

  // Where clients connect, once known: for /status. Any thread.
  void set_listen(Endpoint listen);

  // Closes the control address and ends the thread. Not from the control thread. Twice is no harm.
  void stop();

 private:
  struct Parts;

  ControlPlaneOptions options_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tandem::master
