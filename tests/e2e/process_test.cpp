// What the programs are to the system: their descriptors, signals and children.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::process_test {

namespace fs = std::filesystem;

namespace {

// A program with its descriptors arranged by a shell: "0<&- 1<&-", "2>FIFO".
Arguments with_shell(const std::string& before, const Arguments& command,
                     const std::string& redirections) {
  Arguments words{"sh", "-c", before + "exec \"$@\" " + redirections, "sh"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

Arguments master_at(const std::string& listen, const std::string& control) {
  return {program("tandem-master"), "--listen", listen, "--control", control};
}

std::set<int> descriptors_of(pid_t pid) {
  std::set<int> found;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    found.insert(std::stoi(entry.path().filename()));
  }
  return found;
}

// Those that a program started by `pid` would get; "7 -> socket:[...]" each.
std::string inherited_from(pid_t pid) {
  const fs::path process = "/proc/" + std::to_string(pid);
  std::string found;
  for (const int number : descriptors_of(pid)) {
    if (number <= STDERR_FILENO) continue;
    std::ifstream info(process / "fdinfo" / std::to_string(number));
    std::string key;
    unsigned flags = O_CLOEXEC;  // closed meanwhile
    while (info >> key && key != "flags:") continue;
    info >> std::oct >> flags;
    std::error_code gone;
    const auto what = fs::read_symlink(process / "fd" / std::to_string(number), gone);
    if ((flags & O_CLOEXEC) == 0) found += std::to_string(number) + " -> " + what.string() + "\n";
  }
  return found;
}

std::pair<std::string, std::string> descriptor_limits_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/limits");
  const std::string name = "Max open files";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    std::pair<std::string, std::string> limits;
    words >> limits.first >> limits.second;
    return limits;
  }
  return {};
}

// A process that a hook has left behind; ended with the object.
struct LeftBehind {
  explicit LeftBehind(const std::string& file) {
    REQUIRE(eventually([&] { return std::ifstream(file) >> pid && pid > 0; }));
  }
  ~LeftBehind() { ::kill(pid, SIGKILL); }
  pid_t pid = 0;
};

std::string leave_behind(const std::string& file) {
  return "/bin/sh -c 'sleep 60 & echo $! > " + file + "'";
}

}  // namespace

TEST_CASE("nothing that a master or a worker has open is passed on to a program that it starts") {
  // What this test was given itself is not theirs.
  REQUIRE(::syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0);
  PairCluster cluster;
  cluster.start_workers({"w1"});
  for (const auto& name : cluster.names()) {
    Client client(cluster.listen(name));
    REQUIRE(client.get("/").status == 200);
    Client operator_(cluster.control(name));
    REQUIRE(operator_.get("/status").status == 200);
    CHECK(inherited_from(cluster.master(name).pid()) == "");
    CHECK(inherited_from(cluster.worker("w1").pid()) == "");
  }
}

TEST_CASE("a hook and what it leaves behind have three descriptors") {
  TempDir dir;
  Cluster cluster(
      {"--access-log", dir.path("access.log"), "--on-promote", leave_behind(dir.path("pid"))});
  const LeftBehind left(dir.path("pid"));
  // While it starts, its loader has the files of libraries open, one after the other.
  const std::set<int> three = {0, 1, 2};
  CHECK(eventually([&] { return descriptors_of(left.pid) == three; }));
}

TEST_CASE("connections to a master that was killed are refused, whatever a hook has left behind") {
  TempDir dir;
  Cluster cluster({"--on-promote", leave_behind(dir.path("pid"))});
  const LeftBehind left(dir.path("pid"));
  cluster.master().kill9();
  CHECK(::kill(left.pid, 0) == 0);
  CHECK_THROWS(Socket(cluster.listen()));
  CHECK_THROWS(Socket(cluster.control()));
}

// A voter whose connection is lost asks at once whether the process is gone, and elects if so.
TEST_CASE("a killed master refuses connections as soon as its control connections are lost") {
  Cluster cluster;
  std::vector<Socket> clients;
  for (int i = 0; i < 500; ++i) clients.emplace_back(cluster.listen());
  Socket voter(cluster.control());
  voter.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  REQUIRE(voter.receive_until("alive").find("alive") != std::string::npos);
  cluster.master().signal(SIGKILL);
  voter.receive_until("the end of the connection");
  CHECK_THROWS(Socket(cluster.control()));
}

TEST_CASE("a master whose log nobody reads any more goes on serving") {
  TempDir dir;
  const auto log = dir.path("log");
  REQUIRE(::mkfifo(log.c_str(), 0600) == 0);
  const auto control = free_address();
  Process master(dir, "master",
                 with_shell("", master_at("127.0.0.1:0", control), "2> " + log + " >&2"));
  std::string line;
  {
    std::ifstream reader(log);
    while (std::getline(reader, line) && line.find(" ready ") == line.npos) continue;
    REQUIRE(line.find(" ready ") != line.npos);
  }
  const auto worker = [](int n) {
    return "{\"name\":\"b" + std::to_string(n) + "\",\"address\":\"127.0.0.1:9\"}";
  };
  for (int n = 0; n < 3; ++n) {  // each is said in the log
    CHECK(post(control, "/v1/workers", worker(n)).status == 201);
  }
  master.terminate();
  CHECK(master.await_exit() == 0);
}

TEST_CASE("a command whose output nobody reads says so by its status, and is not killed") {
  CHECK(run(with_shell("", {program("tandem-master"), "--help"}, "> /dev/full")).status == 1);
  const auto refused =
      run(with_shell("", {program("tandem-master"), "--nonsense"}, "2> /dev/full"));
  CHECK(refused.status == 2);
}

TEST_CASE("SIGHUP does not end a worker, nor a master that has no log to reopen") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  for (auto* process : {&cluster.worker("w1"), &cluster.master()}) {
    process->signal(SIGHUP);
    process->terminate();
    CHECK(process->await_exit() == 0);
  }
}

TEST_CASE("descriptors that a program was started without are open on /dev/null") {
  TempDir dir;
  const auto control = free_address();
  Process master(dir, "master",
                 with_shell("", master_at("127.0.0.1:0", control), "0<&- 1>&- 2>&-"));
  REQUIRE(eventually([&] { return get(control, "/ready").status == 200; }));
  for (const auto* number : {"0", "1", "2"}) {
    CHECK(fs::read_symlink("/proc/" + std::to_string(master.pid()) + "/fd/" + number) ==
          "/dev/null");
  }
}

TEST_CASE("programs may open as many descriptors as the system lets them") {
  TempDir dir;
  const auto control = free_address();
  Process master(dir, "master",
                 with_shell("ulimit -Sn 256; ", master_at("127.0.0.1:0", control), ""));
  Process worker(
      dir, "worker",
      with_shell("ulimit -Sn 256; ", {program("tandem-worker"), "--master", control}, ""));
  master.await_line("tandem-master ready");
  worker.await_line("tandem-worker ready");
  for (const auto pid : {master.pid(), worker.pid()}) {
    const auto limits = descriptor_limits_of(pid);
    CHECK(limits.first != "256");
    CHECK(limits.first == limits.second);
  }
}

}  // namespace tandem::e2e::process_test
