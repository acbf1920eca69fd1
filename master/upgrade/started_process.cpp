#include "master/upgrade/started_process.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"

namespace tandem::master {

namespace {

constexpr int inherited_end = 3;
// What ends by itself has so long for that.
constexpr Duration ending_max = 500ms;

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("it was ended by signal {} ({})", WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("it ended with status {}", WEXITSTATUS(status));
}

}  // namespace

ProgramStart ProgramStart::of(int argc, const char* const* argv) {
  ProgramStart start;
  for (int i = 0; i < argc; ++i) start.arguments.emplace_back(argv[i]);
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    // What is meant for one process alone.
    constexpr std::string_view own[] = {
        "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID=", upgrade_environment};
    bool is_own = false;
    for (const auto name : own) is_own = is_own || variable.starts_with(name);
    if (!is_own) start.environment.emplace_back(variable);
  }
  std::error_code error;
  const bool is_path = argc > 0 && std::strchr(argv[0], '/') != nullptr;
  // The file may have been replaced by one that failed, and this be the version before.
  const bool is_upgrade = std::getenv(upgrade_environment) != nullptr;
  if (is_path && (is_upgrade || is_same_file(argv[0], own_program))) {
    start.path = std::filesystem::absolute(argv[0], error).string();
    return start;
  }
  start.path = std::filesystem::read_symlink(own_program, error).string();
  constexpr std::string_view replaced = " (deleted)";
  if (start.path.ends_with(replaced)) start.path.resize(start.path.size() - replaced.size());
  return start;
}

Result<StartedProcess> StartedProcess::start(const ProgramStart& start, const std::string& path) {
  auto ends = UpgradeLink::pair();
  if (!ends) return ends.error();
  auto& [ours, theirs] = *ends;
  auto arguments = start.arguments;
  auto environment = start.environment;
  environment.push_back(fmt::format("{}={}", upgrade_environment, inherited_end));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, theirs.descriptor(), inherited_end);
  posix_spawn_file_actions_addclosefrom_np(&files, inherited_end + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t by_default;
  sigemptyset(&by_default);
  sigaddset(&by_default, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &by_default);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &files, &attributes,
                                  pointers_to(arguments).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return fail(ErrorCode::io, fmt::format("{} cannot be run: {}", path, std::strerror(error)));
  }
  return StartedProcess(pid, std::move(ours));
}

StartedProcess::StartedProcess(StartedProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), link_(std::move(other.link_)) {}

StartedProcess::~StartedProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void StartedProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

UpgradeLink StartedProcess::let_go() {
  pid_ = -1;
  return std::move(link_);
}

std::string StartedProcess::end() {
  TANDEM_ASSERT(pid_ > 0);
  const pid_t pid = std::exchange(pid_, -1);
  const auto deadline = now() + ending_max;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (now() >= deadline) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return "it hung, and was killed";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return how_it_ended(status);
}

}  // namespace tandem::master
