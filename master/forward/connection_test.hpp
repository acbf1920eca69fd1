// connection_test.hpp: does a worker that broke off a connection still accept others?
//
// A connection that breaks off says that a request failed, perhaps by that request's own fault;
// only one that is refused says that a process has ended. So the loop that saw it connects once
// more, at once: refused, or not answered in time, the worker is suspect. Accepted, it stays, and
// its failure counts towards its ejection alone: so one poisonous request takes no worker away from
// others. One test of a worker at a time, over all loops. Owner: the loop.
#pragma once

#include <memory>

#include "master/forward/deadline_wheel.hpp"
#include "master/forward/intrusive_list.hpp"
#include "master/forward/socket_io.hpp"
#include "master/forward/task.hpp"
#include "master/forward/upstream.hpp"
#include "master/registry/failure_kind.hpp"

namespace tandem::master {

class Loop;

// From now on no loop picks this worker until the registry has had a good sign of it. Whoever sets
// the mark reports it.
void suspect(Loop& loop, const Upstream& upstream, FailureKind kind);

class ConnectionTest : public IntrusiveListMember<ConnectionTest> {
 public:
  // Nothing happens when the worker is known to be out, or is being tested. `patience`: how long a
  // connection may take.
  static void begin(Loop& loop, std::shared_ptr<Upstream> upstream, Duration patience);
  ~ConnectionTest();

  // The loop ends: there is no verdict.
  void abort() { socket_.close(); }

 private:
  ConnectionTest(Loop& loop, std::shared_ptr<Upstream> upstream, Duration patience);
  static Detached run(std::unique_ptr<ConnectionTest> test);

  Loop& loop_;
  const std::shared_ptr<Upstream> upstream_;
  Socket socket_;
  Deadline deadline_;
};

}  // namespace tandem::master
