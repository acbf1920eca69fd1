// started_process.hpp: the program of this process, started once more beside it.
//
// It has the same arguments, the environment that this process was started with, and of its
// descriptors the standard three and one end of a link, whatever else is open here. Owner: one
// thread at a time.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/upgrade/link.hpp"

namespace tandem::master {

// How this process was started.
struct ProgramStart {
  std::string path{};                  // of the file, which another version may have replaced
  std::vector<std::string> arguments;  // with the name of the program
  std::vector<std::string> environment{};

  // As main() finds it, before anything is taken from the environment. Where the first argument is
  // a path that leads to this program it is used, since links on it may lead elsewhere by now.
  static ProgramStart of(int argc, const char* const* argv);
};

// The file that this process runs, though it may have been deleted since.
inline constexpr const char* own_program = "/proc/self/exe";

class StartedProcess {
 public:
  // Runs the file at `path`. Errors: `io`.
  static Result<StartedProcess> start(const ProgramStart& start, const std::string& path);
  StartedProcess(StartedProcess&& other) noexcept;
  StartedProcess& operator=(StartedProcess&&) = delete;
  ~StartedProcess();  // kills it, unless it was let go

  pid_t pid() const { return pid_; }
  const UpgradeLink& link() const { return link_; }
  void signal(int number) const;
  // It goes on without this process.
  UpgradeLink let_go();
  // How it has ended, in words: waits for that, and kills it after a moment.
  std::string end();

 private:
  StartedProcess(pid_t pid, UpgradeLink link) : pid_(pid), link_(std::move(link)) {}

  pid_t pid_;
  UpgradeLink link_;
};

}  // namespace tandem::master
