// cluster.hpp: a master and its workers as real processes on loopback, on ports that the kernel
// chooses.
//
// Heartbeats are faster than by default, so that tests need not wait for seconds. The processes end
// with the object; their logs are in temp_dir.hpp's directory. Owner: the test's thread (see
// process.hpp); asking the master is for any.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

using Arguments = std::vector<std::string>;

// One worker as GET /v1/workers shows it.
struct WorkerView {
  std::string service;
  std::string address;
  std::string state;  // up | suspect | down | draining
  unsigned in_flight = 0;
  std::uint64_t requests = 0;  // answered through this master
  unsigned weight = 0;
};

class Cluster {
 public:
  // Starts a master and waits until it is ready.
  explicit Cluster(const Arguments& master_arguments = {});

  const TempDir& dir() const { return dir_; }
  Process& master() { return *master_; }
  const std::string& listen() const { return listen_; }    // HOST:PORT for clients
  const std::string& control() const { return control_; }  // HOST:PORT of the control API

  // Starts the master again, on the same addresses. REQUIRES: it has ended.
  void start_master_again();

  // Starts a worker on a port that the kernel chooses, unless its arguments say what it serves, and
  // waits until it is ready: it may not have registered yet. A name that was used before replaces
  // that process.
  Process& start_worker(const std::string& name,
                        const Arguments& arguments = {"--listen", "127.0.0.1:0"});
  // Starts it again as it was, on the same port. REQUIRES: it has ended.
  Process& start_worker_again(const std::string& name);
  Process& worker(const std::string& name) { return *workers_.at(name).process; }
  // start_worker() for each of them; returns when all are up.
  void start_workers(const std::vector<std::string>& names);

  // The workers as the master sees them now, by name. Throws when it does not answer.
  std::map<std::string, WorkerView> workers() const;
  // "unknown" when there is none of that name.
  std::string state_of(const std::string& name) const;
  std::uint64_t requests_of(const std::string& name) const;
  bool await_state(const std::string& name, const std::string& state) const;

 private:
  struct WorkerProcess {
    Arguments arguments;
    std::string address;
    std::unique_ptr<Process> process;
  };

  void run_master();

  TempDir dir_;
  Arguments master_arguments_;
  std::string listen_ = "127.0.0.1:0";
  std::string control_ = "127.0.0.1:0";
  int starts_ = 0;  // so that each process has logs of its own
  std::unique_ptr<Process> master_;
  std::map<std::string, WorkerProcess> workers_;
};

// Which of these masters, control addresses by name, leads; waits until one does. Throws if none.
std::string await_leader(const std::map<std::string, std::string>& controls);

}  // namespace tandem::e2e
