// process.hpp: a real process under test: started, signalled, waited for, and always ended.
//
// It leads a process group of its own and is killed, with its group, by the destructor, and by the
// kernel if the test program dies first. Its output goes to NAME.out and NAME.err in the test's
// directory. Owner: the thread that made it, which must outlive it (the kernel watches that thread,
// not the program).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/harness/temp_dir.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

// How a process ended: an exit status, or minus the signal's number.
using ExitStatus = int;

class Process {
 public:
  // Starts command[0], found in PATH, with the others as arguments.
  Process(const TempDir& dir, const std::string& name, const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The first line of its standard output that begins with `beginning`. Throws, quoting its
  // standard error, when it ends or the deadline passes before there is one.
  std::string await_line(std::string_view beginning, Milliseconds deadline = patience);
  // Waits until it ends; nothing when the deadline passes first.
  std::optional<ExitStatus> await_exit(Milliseconds deadline = patience);
  bool running();

  pid_t pid() const { return pid_; }
  std::string output() const { return read_file(output_); }
  std::string errors() const { return read_file(errors_); }

  void signal(int number);
  void terminate();  // SIGTERM: asks it to finish
  void kill9();      // SIGKILL, and waits until it is gone
  void freeze();     // SIGSTOP
  void thaw();       // SIGCONT

 private:
  bool ended();

  std::string name_;
  std::string output_;
  std::string errors_;
  pid_t pid_ = -1;
  std::optional<ExitStatus> status_;
};

struct Finished {
  ExitStatus status = 0;
  std::string output;
  std::string errors;
};

// Runs a command to its end. Throws when it goes on beyond the deadline.
Finished run(const std::vector<std::string>& command, Milliseconds deadline = patience);

bool is_in(std::string_view part, std::string_view text);

// The value of `key` in a line of key=value words; throws when there is none.
std::string field_of(std::string_view line, std::string_view key);

// The path of one of our programs ("tandem-master"): of this build, or in the directory TANDEM_BIN.
std::string program(std::string_view name);

// The path of a program of the system, or nothing when it is not installed. Looks in sbin too.
std::optional<std::string> installed(std::string_view name);

}  // namespace tandem::e2e
