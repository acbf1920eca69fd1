// tandem top, at a terminal and into a pipe.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include <fmt/format.h>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::top_test {
namespace {

// A program at a terminal of its own; killed at the end if it is still there.
class AtTerminal {
 public:
  explicit AtTerminal(std::vector<std::string> command, unsigned short lines = 40) {
    winsize size{.ws_row = lines, .ws_col = 160, .ws_xpixel = 0, .ws_ypixel = 0};
    std::vector<char*> words;
    for (auto& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::execvp(words[0], words.data());
      ::_exit(127);
    }
    REQUIRE(pid_ > 0);
    tcgetattr(master_, &before_);
  }
  ~AtTerminal() {
    if (!status_) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    ::close(master_);
  }
  AtTerminal(const AtTerminal&) = delete;
  AtTerminal& operator=(const AtTerminal&) = delete;

  void press(char key) { REQUIRE(::write(master_, &key, 1) == 1); }
  void signal(int number) { ::kill(pid_, number); }
  // All that it has written so far.
  const std::string& output() {
    pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
    char bytes[65536];
    while (::poll(&ready, 1, 0) > 0) {
      const auto read = ::read(master_, bytes, sizeof bytes);
      if (read <= 0) break;
      output_.append(bytes, static_cast<std::size_t>(read));
    }
    return output_;
  }
  // Since the last time that this was called.
  std::string news() {
    auto text = output().substr(seen_);
    seen_ = output_.size();
    return text;
  }
  bool shows(const std::string& text) {
    std::string shown;
    return eventually([&] {
      shown += news();
      return shown.find(text) != shown.npos;
    });
  }
  std::optional<int> await_end() {
    int status = 0;
    eventually([&] {
      output();
      return ::waitpid(pid_, &status, WNOHANG) == pid_ ? (status_ = status, true) : false;
    });
    return status_;
  }
  bool is_as_before() const {
    termios now{};
    tcgetattr(master_, &now);
    return now.c_lflag == before_.c_lflag;
  }

 private:
  int master_ = -1;
  pid_t pid_ = -1;
  std::string output_;
  std::size_t seen_ = 0;
  std::optional<int> status_;
  termios before_{};
};

std::vector<std::string> top_of(const PairCluster& cluster, const std::string& name) {
  return {program("tandem"), "--control", cluster.control(name), "top", "--interval", "100ms"};
}

constexpr auto other_screen = "\x1b[?1049h";
constexpr auto own_screen = "\x1b[?1049l";

}  // namespace

TEST_CASE("tandem top shows the cluster at a terminal, takes keys, and leaves it as it was") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(cluster.await_whole() == "");
  AtTerminal top(top_of(cluster, cluster.await_primary()));
  CHECK(top.shows(other_screen));
  CHECK(top.shows("WORKER"));
  CHECK(top.shows("by name"));
  top.press('s');
  CHECK(top.shows("by requests"));
  top.press('r');
  CHECK(top.shows("reversed"));
  top.press('p');
  CHECK(top.shows("PAUSED"));
  top.press('q');
  CHECK(top.await_end() == 0);
  CHECK(top.output().ends_with(own_screen));
  CHECK(top.is_as_before());
}

TEST_CASE("tandem top goes on with another master when its own dies, and says so") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  AtTerminal top(top_of(cluster, primary));  // it is told of that one alone
  CHECK(top.shows(cluster.control(primary)));
  cluster.master(primary).kill9();
  CHECK(top.shows(fmt::format("primary {}", standby)));
  CHECK(top.shows(fmt::format("({}), {}", "primary", cluster.control(standby))));
  top.signal(SIGTERM);
  CHECK(top.await_end() == 0);
  CHECK(top.output().ends_with(own_screen));
}

TEST_CASE("tandem top says that no master answers, whether they are dead or frozen") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  AtTerminal top(top_of(cluster, primary));
  CHECK(top.shows("protected yes"));
  cluster.master(cluster.standby_of(primary)).kill9();
  cluster.master(primary).freeze();
  CHECK(top.shows("NO MASTER ANSWERS"));
  cluster.master(primary).kill9();
  CHECK(top.shows("no master can answer"));
  top.signal(SIGTERM);
  CHECK(top.await_end() == 0);
}

TEST_CASE("tandem top fits into a terminal of few lines") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  AtTerminal top(top_of(cluster, cluster.await_primary()), 5);
  CHECK(top.shows("q quit"));
  const auto screen = top.output();
  const auto last = screen.substr(screen.rfind("\x1b[H"));
  CHECK(std::count(last.begin(), last.end(), '\n') == 4);
  top.press(3);  // Ctrl-C
  CHECK(top.await_end() == 0);
}

TEST_CASE("tandem top writes once into a pipe, and nothing but text") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto ran =
      run({program("tandem"), "--control", cluster.control(cluster.await_primary()), "top"});
  CHECK(ran.status == 0);
  CHECK(ran.output.find("w1") != std::string::npos);
  CHECK(ran.output.find('\x1b') == std::string::npos);
  CHECK(ran.output.find("q quit") == std::string::npos);
}

}  // namespace tandem::e2e::top_test
