// faulty_workers.hpp: workers that are made to fail and made well again (faulty_worker.cpp).
//
// Each keeps its name and its port while the object lives: the port is reserved here while the
// worker does not listen, so that connections are refused and no other program gets it. Owner: the
// test's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {

class FaultyWorkers {
 public:
  // Starts them, w1 to wCOUNT: they may not have registered yet. `controls`: of all masters.
  FaultyWorkers(const TempDir& dir, std::vector<std::string> controls, unsigned count,
                std::string service = "default");
  ~FaultyWorkers();
  FaultyWorkers(const FaultyWorkers&) = delete;
  FaultyWorkers& operator=(const FaultyWorkers&) = delete;

  const std::vector<std::string>& names() const { return names_; }

  // "slow 200 2000", "fails", "resets", "refuses", "leaves", as faulty_worker.cpp says.
  // REQUIRES: it runs and is not frozen.
  void tell(const std::string& name, const std::string& fault);
  void freeze(const std::string& name);
  void kill(const std::string& name);
  Process& process(const std::string& name) { return *workers_.at(name).process; }
  // REQUIRES: it was killed
  void start(const std::string& name);
  bool running(const std::string& name) { return workers_.at(name).process->running(); }
  // Ends any fault. Its answers are good from now on.
  void heal(const std::string& name);

  // How often each POST was executed, by its id, at all workers together.
  std::map<std::string, unsigned> posts_executed() const;

 private:
  struct Worker {
    int port_holder = -1;
    std::string listen;
    std::string faults;  // the file from which it reads its faults
    std::unique_ptr<Process> process;
    bool frozen = false;
  };

  std::string record_of(const std::string& name) const { return dir_.path(name + ".record"); }

  const TempDir& dir_;
  const std::vector<std::string> controls_;
  const std::string service_;
  std::vector<std::string> names_;
  std::map<std::string, Worker> workers_;
  int starts_ = 0;  // so that each process has logs of its own
};

}  // namespace tandem::e2e
