// connection_tests.hpp: does a worker that broke off a connection still accept others?
//
// A connection that breaks off says that a request failed, perhaps by that request's own fault;
// only one that is refused says that a process has ended. So the loop that saw it connects once
// more, at once: refused, or not answered in time, the worker is suspect. Accepted, it stays, and
// its failure counts towards its ejection alone: so one poisonous request takes no worker away from
// others. One test of a worker at a time, over all loops. Owner: the loop.
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

  // From now on no loop picks this worker until the registry has had a good sign of it. Whoever
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
