// connection_tests.hpp: does a worker that broke off a connection still accept others?
//
// A broken connection says only that one request failed, perhaps by that request's own fault; a
// refused one says that the process has ended. So the loop that saw a connection break connects
// once more at once. If that is refused or times out, the worker is suspect. If it is accepted, the
// worker stays, and the failure counts only towards its ejection: one poisonous request takes no
// worker away from the others. One test of a worker at a time, over all loops. Owner: the loop.
#pragma once

#include <functional>
#include <memory>

#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/socket_io.hpp"
#include "master/forward/io/task.hpp"
#include "master/forward/workers/upstream.hpp"
#include "master/registry/failure_kind.hpp"

namespace tandem::master {

class ConnectionTests {
 public:
  // A worker has become suspect. Called on the loop's thread, by the loop that set the mark.
  using Report = std::function<void(WorkerId, FailureKind)>;

  // Both outlive it.
  ConnectionTests(Reactor& reactor, DeadlineWheel& wheel, Report report);

  // Marks the worker: no loop picks it until the registry has had a good sign of it. The loop that
  // sets the mark reports it.
  void suspect(const Upstream& upstream, FailureKind kind);
  // Nothing happens when the worker is known to be out, or is being tested. `patience`: how long a
  // connection may take.
  void begin(std::shared_ptr<Upstream> upstream, Duration patience);
  // The loop ends: there are no verdicts.
  void abort();

 private:
  class Test;
  static Detached run(std::unique_ptr<Test> test);

  Reactor& reactor_;
  DeadlineWheel& wheel_;
  const Report report_;
  IntrusiveList<Test> tests_;
};

}  // namespace tandem::master
