// upgradable_master.hpp: a master with a file of its own for its program, so that this can be
// replaced, and two workers.
//
// The first process of the master leads the group in which those are that take its place, and is
// never asked for: the harness would end them all. Owner: the test's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e {

// False of a process that has ended, even if nobody has waited for it.
bool is_alive(pid_t process);

// A program for /bin/sh in the place of `path`.
void write_script(const std::string& path, const std::string& script);

class UpgradableMaster {
 public:
  // `listen`: empty: clients come by TLS, where `arguments` say.
  explicit UpgradableMaster(const Arguments& arguments = {},
                            const std::string& listen = "127.0.0.1:0",
                            const std::string& control = "127.0.0.1:0");

  const TempDir& dir() const { return dir_; }
  const std::string& listen() const { return listen_; }
  const std::string& control() const { return control_; }
  const std::string& program_file() const { return program_; }
  std::string errors() const { return first_->errors(); }

  // Puts the program back into its file.
  void install();

  // w1 and w2; one that was killed is started again at another address.
  void kill_worker(const std::string& name) { workers_.at(name)->kill9(); }
  void start_worker(const std::string& name);
  bool await_workers() const;

  // 0: nobody answers.
  pid_t process() const;
  Finished upgrade() const;
  // Whether the process that was begun last has served, as the one before tells.
  bool has_taken_over() const;
  bool await_end(pid_t process) const;
  bool serves() const;

 private:
  TempDir dir_;
  std::string program_;
  std::string listen_;
  std::string control_;
  int starts_ = 0;
  std::unique_ptr<Process> first_;
  std::map<std::string, std::unique_ptr<Process>> workers_;
};

}  // namespace tandem::e2e
