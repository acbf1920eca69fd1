// upgrading.hpp: how the parts of this master take the place of another process, and give their own
// to one (master/upgrade).
//
// Owner: main(), as that of the parts. Functions are for its thread, except where they say
// otherwise.
#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/service_manager/service_manager.hpp"
#include "master/control/control_plane.hpp"
#include "master/flags.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/reloader.hpp"
#include "master/upgrade/former_process.hpp"
#include "master/upgrade/next_process.hpp"
#include "master/vip/virtual_addresses.hpp"

namespace tandem::master {

class Upgrading {
 public:
  // `former`: null: an ordinary start. `pass`: see ForwardOptions. References outlive it.
  Upgrading(const MasterFlags& flags, ProgramStart start, std::unique_ptr<FormerProcess> former,
            ServingGate& gate, ServiceManager& manager, std::string pass);
  ~Upgrading();

  // ---- the start of a process; what takes the place of another waits in these
  bool takes_place() const { return former_ != nullptr; }
  // Before anything is opened that only one process can have. Errors: why this process is to end.
  Result<> take_over();
  // Why it ends nevertheless.
  void refuse(std::string_view why);
  struct Parts {
    ControlPlane& control;
    DataPlane& plane;
    Reloader& reloader;
    VirtualAddresses* vips;  // null: none
  };
  // The control plane has been started: opens the data plane, takes part, and accepts clients. The
  // parts outlive end(), the plane this object.
  Result<> serve(Parts parts);

  // ---- while it serves
  // SIGUSR2.
  void upgrade();
  // This process is told to end. True: another one has taken its place, and only the clients are
  // left to be passed on.
  bool end();
  // REQUIRES: end() was true. False: some were left when the time was over.
  bool pass_clients_on(Duration timeout);

  // ---- any thread: hooks of the control plane
  UpgradeHooks hooks();
  void saw(const SnapshotPtr& snapshot);
  void saw(const LeadershipPtr& leadership);

 private:
  Result<> check() const;
  Result<> check_place(const MemberNote& before) const;
  void await_workers();
  void await_leader();
  Result<> open_for_former();
  void tell_former(const Leadership& leadership);
  UpgradeSteps steps();
  std::string obstacle() const;
  Result<std::vector<InheritedSockets>> sockets();
  void hand_over();
  void release();
  std::vector<std::string> workers() const;
  void abandon(const std::vector<AddressNote>& left);
  void lead(const LeaderNote& leader);

  const MasterFlags& flags_;
  ServingGate& gate_;
  ServiceManager& manager_;
  const std::string pass_;
  std::unique_ptr<FormerProcess> former_;
  NextProcess next_;
  std::unique_ptr<const Parts> parts_;  // null before serve()
  // The upgrade's thread:
  InheritedSockets control_socket_;  // with one that stays open here
  mutable Mutex mutex_;
  std::condition_variable changed_;
  SnapshotPtr snapshot_ TANDEM_GUARDED_BY(mutex_);
  LeadershipPtr leadership_ TANDEM_GUARDED_BY(mutex_);
  // Where the process before passes requests on to, if clients all speak TLS; else unset.
  std::optional<Endpoint> private_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master
