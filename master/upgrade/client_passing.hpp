// client_passing.hpp: the end of an old process: its clients are passed on to the new one, each as
// soon as it can be, until none is left.
//
// The loops give clients up, one thread sends them, some at a time. A client stays open here until
// the new process says that it serves it: if that has no room, or ends, this process serves it on,
// and asks it to leave with its next answer. Owner: main(), on its thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/upgrade/link.hpp"
#include "master/upgrade/messages.hpp"

namespace tandem::master {

class ClientPassing {
 public:
  // `lead`: as in UpgradeSteps. `plane` outlives it, and ends before it does.
  ClientPassing(DataPlane& plane, UpgradeLink link, std::function<void(const LeaderNote&)> lead);
  ~ClientPassing();
  ClientPassing(const ClientPassing&) = delete;
  ClientPassing& operator=(const ClientPassing&) = delete;

  // Returns when no client is left. False: `deadline` passed first.
  bool run(Instant deadline);

 private:
  struct Waiting;
  using Batch = std::vector<std::unique_ptr<Waiting>>;
  void take(PassedClient client, const Entrance& entrance);
  Batch next_batch();
  bool has_none_waiting();
  void pass(Batch batch);
  Result<std::size_t> adopted();
  void take_back(Batch batch, std::size_t from, const std::string& why);
  void settle();
  void report();
  void listen_to_leader();

  DataPlane& plane_;
  UpgradeLink link_;
  const std::function<void(const LeaderNote&)> lead_;
  bool passes_ = true;
  Mutex mutex_;
  std::condition_variable came_;
  std::deque<std::unique_ptr<Waiting>> waiting_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master
