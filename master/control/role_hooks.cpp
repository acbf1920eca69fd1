#include "master/control/role_hooks.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/mutex.hpp"
#include "master/control/limits.hpp"

namespace tandem::master {

Result<std::vector<std::string>> parse_command(std::string_view text, std::string_view flag) {
  std::vector<std::string> arguments;
  bool in_word = false;
  char quote = '\0';
  for (const char c : text) {
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        arguments.back() += c;
      }
      continue;
    }
    if (c == ' ' || c == '\t') {
      in_word = false;
      continue;
    }
    if (!in_word) arguments.emplace_back();
    in_word = true;
    if (c == '\'' || c == '"') {
      quote = c;
    } else {
      arguments.back() += c;
    }
  }
  if (quote != '\0')
    return invalid(fmt::format("{} has an unclosed quote", flag), std::string(flag));
  if (arguments.empty() || arguments.front().empty()) {
    return invalid(fmt::format("{} must be a command", flag), std::string(flag));
  }
  return arguments;
}

class RoleHooks::Body {
 public:
  Body(std::string node, RoleCommands commands)
      : node_(std::move(node)), commands_(std::move(commands)) {}

  ~Body() {
    {
      const Lock lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  void changed(bool primary, Term term) {
    const Lock lock(mutex_);
    leads_ = primary;
    term_ = term;
    if (commands_.on_promote.empty() && commands_.on_demote.empty()) return;
    if (waiting_.size() >= limits::hooks_waiting_max) {
      log::error("role commands take too long: the oldest two are skipped");
      waiting_.erase(waiting_.begin(), waiting_.begin() + 2);
    }
    waiting_.push_back({primary, term});
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    wake_.notify_all();
  }

  void set_commands(RoleCommands commands) {
    const Lock lock(mutex_);
    commands_ = std::move(commands);
  }

  void end_at_once() {
    const Lock lock(mutex_);
    std::optional<Event> last;
    if (!waiting_.empty() && !waiting_.back().primary) last = waiting_.back();
    if (leads_) last = Event{false, term_};
    waiting_.clear();
    leads_ = false;
    if (last && !commands_.on_demote.empty()) start(commands_.on_demote, *last);
  }

 private:
  struct Event {
    bool primary = false;
    Term term;
  };

  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      Event event;
      std::vector<std::string> command;
      {
        Lock lock(mutex_);
        wake_.wait(lock.native(),
                   [this]() TANDEM_REQUIRES(mutex_) { return !waiting_.empty() || stopping_; });
        if (waiting_.empty()) return;
        event = waiting_.front();
        waiting_.pop_front();
        command = event.primary ? commands_.on_promote : commands_.on_demote;
      }
      if (!command.empty()) execute(command, event);
    }
  }

  void execute(const std::vector<std::string>& command, const Event& event) {
    if (const auto child = start(command, event)) report(command[0], wait_for(*child));
  }

  // Returns the process, or nothing if it could not be started.
  std::optional<pid_t> start(const std::vector<std::string>& command, const Event& event) const {
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (std::strncmp(*variable, "TANDEM_", 7) != 0) environment.emplace_back(*variable);
    }
    environment.push_back(fmt::format("TANDEM_NODE={}", node_));
    environment.push_back(fmt::format("TANDEM_ROLE={}", event.primary ? "primary" : "standby"));
    environment.push_back(fmt::format("TANDEM_TERM={}", event.term));
    const auto pointers = [](const std::vector<std::string>& texts) {
      std::vector<char*> list;
      list.reserve(texts.size() + 1);
      for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
      list.push_back(nullptr);
      return list;
    };
    auto arguments = pointers(command);
    auto variables = pointers(environment);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t ignored;  // we ignore it: set_up_process()
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    // A process that it leaves behind must not keep our ports open, or nobody would notice that we
    // ended. Our own descriptors are closed on exec; those that we inherited may not be.
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    pid_t child = 0;
    const int failed = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(),
                                    variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) {
      log::error("role command cannot be started command={} reason=\"{}\"", command[0],
                 std::strerror(failed));
      return std::nullopt;
    }
    return child;
  }

  // Its exit status; empty when it had to be killed, with its child processes.
  static std::optional<int> wait_for(pid_t child) {
    const auto deadline = now() + limits::hook_max;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (now() >= deadline) {
        ::kill(-child, SIGKILL);
        ::waitpid(child, &status, 0);
        return std::nullopt;
      }
      std::this_thread::sleep_for(5ms);
    }
    return status;
  }

  static void report(const std::string& command, std::optional<int> status) {
    if (!status) {
      log::error("role command took too long and was killed command={}", command);
    } else if (*status != 0) {
      log::error("role command failed command={} status={}", command,
                 WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status));
    } else {
      log::info("role command done command={}", command);
    }
  }

  const std::string node_;
  Mutex mutex_;
  std::condition_variable wake_;
  RoleCommands commands_ TANDEM_GUARDED_BY(mutex_);
  std::deque<Event> waiting_ TANDEM_GUARDED_BY(mutex_);
  bool leads_ TANDEM_GUARDED_BY(mutex_) = false;  // as last reported
  Term term_ TANDEM_GUARDED_BY(mutex_);           // likewise
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // from the first change on for which there is a command
};

RoleHooks::RoleHooks(std::string node, RoleCommands commands)
    : body_(std::make_unique<Body>(std::move(node), std::move(commands))) {}
RoleHooks::~RoleHooks() = default;

void RoleHooks::promoted(Term term) { body_->changed(true, term); }
void RoleHooks::demoted(Term term) { body_->changed(false, term); }
void RoleHooks::set_commands(RoleCommands commands) { body_->set_commands(std::move(commands)); }
void RoleHooks::end_at_once() { body_->end_at_once(); }

}  // namespace tandem::master
