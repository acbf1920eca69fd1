#include "tests/e2e/harness/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace tandem::e2e {
namespace {

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* arguments, int output, int errors, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execvp(arguments[0], arguments);
  _exit(127);
}

int open_log(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) throw std::runtime_error("cannot write " + path);
  return file;
}

}  // namespace

Process::Process(const TempDir& dir, const std::string& name,
                 const std::vector<std::string>& command)
    : name_(name), output_(dir.path(name + ".out")), errors_(dir.path(name + ".err")) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int output = open_log(output_);
  const int errors = open_log(errors_);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments.data(), output, errors, parent);
  close(output);
  close(errors);
  if (pid_ < 0) throw std::runtime_error("cannot fork for " + name_);
  setpgid(pid_, pid_);  // here too, so that it is done whoever comes first
}

Process::~Process() {
  if (!status_) kill9();
}

bool Process::ended() {
  if (status_) return true;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
  if (info.si_pid != pid_) return false;
  kill(-pid_, SIGKILL);  // what it may have left behind, while its number is still its own
  int status = 0;
  waitpid(pid_, &status, 0);
  status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

std::string Process::await_line(std::string_view beginning, Milliseconds deadline) {
  std::string found;
  const auto look = [&] {
    const std::string text = output();
    for (std::size_t start = 0; start < text.size();) {
      const auto end = text.find('\n', start);
      if (end == std::string::npos) return false;
      if (std::string_view(text).substr(start).starts_with(beginning)) {
        found = text.substr(start, end - start);
        return true;
      }
      start = end + 1;
    }
    return false;
  };
  bool over = false;
  eventually(
      [&] {
        over = ended();  // asked first: what it wrote before its end is there to be read
        return look() || over;
      },
      deadline);
  if (found.empty()) {
    throw std::runtime_error(name_ + (over ? " ended" : " did not say") + " before \"" +
                             std::string(beginning) + "\"; its errors: " + errors());
  }
  return found;
}

std::optional<ExitStatus> Process::await_exit(Milliseconds deadline) {
  eventually([&] { return ended(); }, deadline);
  return status_;
}

bool Process::running() { return !ended(); }

void Process::signal(int number) {
  if (!ended()) kill(pid_, number);
}

void Process::terminate() { signal(SIGTERM); }
// Returns once all of its threads have stopped, or it has ended.
void Process::freeze() {
  if (ended()) return;
  kill(pid_, SIGSTOP);
  siginfo_t stopped{};
  waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}
void Process::thaw() { signal(SIGCONT); }

void Process::kill9() {
  signal(SIGKILL);
  await_exit();
}

Finished run(const std::vector<std::string>& command, Milliseconds deadline) {
  const TempDir dir;
  Process process(dir, "run", command);
  const auto status = process.await_exit(deadline);
  if (!status) throw std::runtime_error(command.front() + " did not end");
  return {*status, process.output(), process.errors()};
}

bool is_in(std::string_view part, std::string_view text) { return text.find(part) != text.npos; }

std::string field_of(std::string_view line, std::string_view key) {
  const std::string wanted = " " + std::string(key) + "=";
  const auto at = line.find(wanted);
  if (at == std::string_view::npos) {
    throw std::runtime_error("no " + std::string(key) + " in \"" + std::string(line) + "\"");
  }
  const auto value = line.substr(at + wanted.size());
  return std::string(value.substr(0, value.find(' ')));
}

std::string program(std::string_view name) {
  const char* elsewhere = std::getenv("TANDEM_BIN");
  return std::string(elsewhere != nullptr ? elsewhere : TANDEM_BIN_DIR) + "/" + std::string(name);
}

std::optional<std::string> installed(std::string_view name) {
  for (const auto* folder :
       {"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/sbin/", "/sbin/"}) {
    const std::string path = folder + std::string(name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

}  // namespace tandem::e2e
