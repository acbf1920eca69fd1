// next_process.hpp: an upgrade, as the old process carries it out: the program is started once
// more, and takes this process's place.
//
// Until the new one has its configuration checked and its sockets, nothing changes here, and
// whatever fails only ends the new one. Then this process gives up what only one can have: the
// leadership, its place in the cluster, the store, the control address. From there on some process
// has to take its place: when the new one ends before it serves, this one's own file is started
// instead, as often as it takes. Meanwhile clients are accepted and served here: by workers as long
// as the lease holds, by another primary, or by the new process as soon as that serves.
//
// Owner: main(). Any thread, except where it says otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/registry/leadership.hpp"
#include "master/upgrade/messages.hpp"
#include "master/upgrade/started_process.hpp"

namespace tandem::master {

// What this process does at the steps of an upgrade. All on the upgrade's thread, in this order.
struct UpgradeSteps {
  // Where it listens; who calls it owns the descriptors.
  std::function<Result<std::vector<InheritedSockets>>()> sockets;
  // Which member of the cluster it is.
  std::function<MemberNote()> member;
  // Why there can be no upgrade now; empty: there can.
  std::function<std::string()> obstacle;
  // Gives the leadership to another master, if one can have it.
  std::function<void()> hand_over;
  // Ends its part in the cluster, and closes its store and its control address.
  std::function<void()> release;
  // The workers that requests are sent to.
  std::function<std::vector<std::string>()> workers;
  // How many clients are connected.
  std::function<std::uint64_t()> connections;
  // Forwards to workers no more.
  std::function<void()> shut;
  // Accepts clients no more, but for those who come to addresses that the new process has not.
  std::function<void(const std::vector<AddressNote>& left)> abandon;
  // Who leads, as the new process knows it: told to the loops. Itself only after abandon(), since
  // requests are passed on to it where this process listened.
  std::function<void(const LeaderNote&)> lead;
  // This process is alive, although none of what said so before is left. Called often.
  std::function<void()> beat;
  // The new process is the main one: the service manager is told.
  std::function<void(pid_t)> main_process;
  // It serves: main() ends its wait.
  std::function<void()> done;
};

struct UpgradeBegun {
  pid_t pid = -1;
  std::string version{};
  // Released once who asked was told: this process goes on serving until then, for a while.
  std::shared_ptr<const void> untold{};
};

class NextProcess {
 public:
  NextProcess(ProgramStart start, UpgradeSteps steps);
  ~NextProcess();  // as cancel()
  NextProcess(const NextProcess&) = delete;
  NextProcess& operator=(const NextProcess&) = delete;

  // Returns once the new process is ready and has its sockets, or will never; the other steps
  // follow. Errors: `conflict`, with the reason: an upgrade is under way, or the new process is not
  // ready.
  Result<UpgradeBegun> begin();
  // This process is about to end. An upgrade whose new process does not have to take its place yet
  // is given up; another is waited for, and its process is told to end too. From now on none
  // begins.
  void cancel();
  // The new process serves; nothing but the clients is left here.
  bool is_done() const { return done_.load(std::memory_order_acquire); }
  // Its number, -1 before. REQUIRES: is_done()
  pid_t process() const { return process_; }
  // REQUIRES: is_done(), once. By main(), which has waited.
  UpgradeLink take_link();

 private:
  using Begun = std::promise<Result<UpgradeBegun>>;
  void run(Begun begun);
  Result<StartedProcess> prepare(const std::string& path, UpgradeBegun& begun);
  Result<StartedProcess> prepare_whole(const std::string& path, UpgradeBegun& begun);
  Result<> give_sockets(const UpgradeLink& link);
  Result<> give_place(StartedProcess& next);
  Result<UpgradeMessage> await(StartedProcess& next, std::string_view step, Instant deadline);
  void finish(StartedProcess next);
  bool is_cancelled() const { return cancelled_.load(std::memory_order_acquire); }

  const ProgramStart start_;
  const UpgradeSteps steps_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> done_{false};
  pid_t process_ = -1;
  MemberNote member_;          // the upgrade's thread
  LeaderNote leader_;          // as the new process told last; the upgrade's thread
  bool has_released_ = false;  // the upgrade's thread
  Mutex mutex_;
  bool under_way_ TANDEM_GUARDED_BY(mutex_) = false;
  std::optional<UpgradeLink> link_ TANDEM_GUARDED_BY(mutex_);
  std::thread thread_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master
