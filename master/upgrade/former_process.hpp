// former_process.hpp: an upgrade, as the new process carries it out: it takes the place of the
// process that has started it.
//
// Whatever the old process does, this one ends up serving: if the old one ends on the way, this one
// goes on with what it has got, and opens by itself what it has not. Only before it has got
// anything, and when something is wrong with its own configuration, it ends instead, and says why.
//
// Owner: main(). Functions are for its thread, except where they say otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/inherited_sockets.hpp"
#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "master/registry/leadership.hpp"
#include "master/upgrade/link.hpp"
#include "master/upgrade/messages.hpp"

namespace tandem::master {

class DataPlane;

class FormerProcess {
 public:
  // The one that has started this as its successor; null: none has, and this is an ordinary start.
  // Before anything else looks at the environment.
  static std::unique_ptr<FormerProcess> find();
  explicit FormerProcess(UpgradeLink link);
  ~FormerProcess();  // as stop()
  FormerProcess(const FormerProcess&) = delete;
  FormerProcess& operator=(const FormerProcess&) = delete;

  // ---- the steps, in this order
  // This process ends instead: why.
  void refuse(std::string_view why);
  // The configuration is good. Takes the listening sockets over, as inherited ones; `check`: what
  // is wrong all the same, now that these are here and it is known in whose place this process
  // comes. Errors: in one sentence, which the old process knows too; this one is to end.
  using Check = std::function<Result<>(const MemberNote& before)>;
  Result<> take_sockets(const Check& check);
  // Until the old process has no store, no control address and no leadership any more.
  Result<> await_release();
  // The workers that it asked.
  const std::vector<std::string>& workers() const { return workers_; }
  // The store is open: waits until the old process forwards no more, which it does after `lease` by
  // itself.
  void await_shut(Duration lease);
  // Clients are accepted, but not at the addresses in `left`. From now on clients come from the old
  // process to `plane`; `on_main` is called when this is the main process: at the latest when the
  // old one has ended. Both outlive this.
  void serve(const std::vector<InheritedSockets>& left, DataPlane& plane,
             std::function<void()> on_main);

  // Receives no more clients: the plane may end. The old process keeps those that it has.
  void stop();

  // ---- any thread
  // Who leads: where requests are passed on to, also if this process does. Where that is not said,
  // it is where the old process has listened.
  void tell(const Leadership& leadership);
  // What it still has; unset: it has ended.
  struct Standing {
    std::int64_t pid = 0;
    std::chrono::system_clock::time_point since{};  // it has given its place up
    std::uint64_t connections = 0;                  // of clients
  };
  std::optional<Standing> standing() const;

 private:
  Result<UpgradeMessage> await(std::string_view step, Instant deadline);
  Result<> take(UpgradeLink::Message& got, const UpgradeMessage& message);
  void receive(DataPlane& plane);
  std::size_t adopt(UpgradeLink::Message& got, const UpgradeMessage& message, DataPlane& plane);
  void become_main();

  UpgradeLink link_;
  const std::int64_t pid_;
  std::chrono::system_clock::time_point since_{};
  std::vector<std::string> workers_;
  std::function<void()> on_main_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_gone_{false};
  std::atomic<std::uint64_t> connections_{0};
  std::thread thread_;
};

}  // namespace tandem::master
