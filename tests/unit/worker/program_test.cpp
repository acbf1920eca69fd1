#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <future>

#include <catch2/catch.hpp>

#include "common/base/endpoint.hpp"
#include "tests/unit/worker/recording_master.hpp"

extern char** environ;

namespace tandem::test::program_test {

using wire::WorkerCondition;

namespace {

// A running tandem-worker; killed when the test ends before it does.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    std::string program = TANDEM_WORKER_PROGRAM;
    std::vector<char*> argv{program.data()};
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    REQUIRE(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The next line on stdout, without its end; what there is when the program ends before that.
  std::string line() {
    std::string text;
    for (char c = 0; ::read(output_, &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  void signal(int number) { ::kill(pid_, number); }
  // Waits for the end; the exit status, or minus the number of the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

Endpoint address_in(const std::string& ready) {
  const auto parsed = parse_endpoint(ready.substr(ready.rfind('=') + 1), "listen");
  REQUIRE(parsed.ok());
  return *parsed;
}

int status_of(const Endpoint& address, const std::string& path) {
  httplib::Client client(address.host, address.port);
  client.set_read_timeout(deadline);
  const auto answer = client.Get(path);
  return answer ? answer->status : -1;
}

}  // namespace

TEST_CASE("tandem-worker prints one line when it is ready, serves, and registers") {
  RecordingMaster master;
  Program program({"--name", "w1", "--service", "web", "--master", master.address()});
  const auto ready = program.line();
  CHECK(ready.find("tandem-worker ready name=w1 service=web listen=127.0.0.1:") == 0);
  CHECK(status_of(address_in(ready), "/health") == 200);
  REQUIRE(master.hears(1));
  CHECK(master.heard()[0].address == address_in(ready));
  program.signal(SIGTERM);
  CHECK(program.wait() == 0);
  CHECK(master.heard().back().condition == WorkerCondition::bye);
  CHECK(program.line() == "");
}

TEST_CASE("SIGTERM says bye first, and the request in flight is answered") {
  RecordingMaster master;
  Program program({"--name", "w1", "--master", master.address()});
  const auto address = address_in(program.line());
  auto slow = std::async(std::launch::async, [&] { return status_of(address, "/slow?ms=1000"); });
  REQUIRE(master.wait_until(
      [](const auto& heard) { return !heard.empty() && heard.back().in_flight == 1; }));
  program.signal(SIGTERM);
  CHECK(master.hears(WorkerCondition::bye));
  CHECK(slow.get() == 200);
  CHECK(program.wait() == 0);
}

TEST_CASE("a second SIGTERM stops tandem-worker at once") {
  RecordingMaster master;
  Program program({"--name", "w1", "--master", master.address()});
  const auto address = address_in(program.line());
  auto slow = std::async(std::launch::async, [&] { return status_of(address, "/slow?ms=60000"); });
  REQUIRE(master.wait_until(
      [](const auto& heard) { return !heard.empty() && heard.back().in_flight == 1; }));
  program.signal(SIGTERM);
  REQUIRE(master.hears(WorkerCondition::bye));
  program.signal(SIGTERM);
  CHECK(program.wait() == -SIGTERM);
  CHECK(slow.get() == -1);
}

TEST_CASE("tandem-worker registers a service that runs elsewhere and tells how it is") {
  RecordingMaster master;
  auto target = std::make_unique<ConnectionServer>();
  const auto address = target->open({"127.0.0.1", 0}, 4);
  REQUIRE(address.ok());
  Program program({"--target", address->to_string(), "--master", master.address()});
  CHECK(program.line() == "tandem-worker ready name=127.0.0.1-" + std::to_string(address->port) +
                              " service=default target=" + address->to_string());
  REQUIRE(master.hears(WorkerCondition::up));
  CHECK(master.heard()[0].address == *address);
  target.reset();
  CHECK(master.hears(WorkerCondition::failing));
  program.signal(SIGINT);
  CHECK(program.wait() == 0);
  CHECK(master.heard().back().condition == WorkerCondition::bye);
}

TEST_CASE("a service that does not answer is failing from the first heartbeat") {
  RecordingMaster master;
  auto gone = std::make_unique<ConnectionServer>();
  const auto address = gone->open({"127.0.0.1", 0}, 4);
  REQUIRE(address.ok());
  gone.reset();
  Program program({"--target", address->to_string(), "--master", master.address()});
  REQUIRE(master.hears(WorkerCondition::failing));
  CHECK(master.heard()[0].condition == WorkerCondition::failing);
}

TEST_CASE("exit statuses of tandem-worker: 2 for bad usage, 1 for an address in use") {
  RecordingMaster taken;
  CHECK(Program({"--listen", taken.address(), "--master", taken.address()}).wait() == 1);
  CHECK(Program({"--listen", "nowhere"}).wait() == 2);
  CHECK(Program({"--serve", "/nonexistent"}).wait() == 2);
  CHECK(Program({"--serve", "/tmp", "--target", "127.0.0.1:1"}).wait() == 2);
  CHECK(Program({"--master", "127.0.0.1:0"}).wait() == 2);
  CHECK(Program({"--token-file", "/nonexistent"}).wait() == 2);
  CHECK(Program({"--version"}).wait() == 0);
}

}  // namespace tandem::test::program_test
