#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <catch2/catch.hpp>

#include "tandem/worker.hpp"
#include "tests/unit/worker/recording_master.hpp"
#include "worker/src/heartbeat_delay.hpp"

namespace tandem::test::registration_test {

using wire::WorkerCondition;

namespace {

RegistrationOptions options_for(std::vector<std::string> masters) {
  RegistrationOptions options;
  options.name = "w1";
  options.service = "web";
  options.masters = std::move(masters);
  options.address = "127.0.0.1:9001";
  options.weight = 50;
  options.connections = 8;
  options.heartbeat_interval = 10ms;
  return options;
}

// Takes connections and never answers.
class HungMaster {
 public:
  HungMaster() {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 8) == 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~HungMaster() { ::close(socket_); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_ = -1;
  int port_ = 0;
};

}  // namespace

TEST_CASE("every master hears all of a worker from the first heartbeat on") {
  RecordingMaster a;
  RecordingMaster b;
  auto options = options_for({a.address(), b.address()});
  options.in_flight = [] { return 3u; };
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  for (auto* master : {&a, &b}) {
    REQUIRE(master->hears(3));
    const auto first = master->heard().front();
    CHECK(first.name == "w1");
    CHECK(first.service == "web");
    CHECK(first.address == Endpoint{"127.0.0.1", 9001});
    CHECK(first.weight == 50);
    CHECK(first.connections == 8);
    CHECK(first.in_flight == 3);
    CHECK(first.condition == WorkerCondition::up);
    CHECK(first.incarnation.size() == 32);
  }
  CHECK(a.heard()[0].incarnation == b.heard()[0].incarnation);
  CHECK(eventually([&] { return registration.masters()[1].answers; }));
  CHECK(registration.masters()[1].role == "primary");
  CHECK(registration.masters()[1].term == 7);
}

TEST_CASE("heartbeats to one master keep their connection") {
  RecordingMaster master;
  Registration registration(options_for({master.address()}));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(20));
  CHECK(master.connections() == 1);
}

TEST_CASE("each start has an incarnation of its own") {
  RecordingMaster master;
  for (int i = 0; i < 2; ++i) {
    Registration registration(options_for({master.address()}));
    REQUIRE(registration.start() == std::nullopt);
    REQUIRE(master.wait_until([](const auto& heard) { return !heard.empty(); }));
    registration.stop();
  }
  CHECK(master.heard().front().incarnation != master.heard().back().incarnation);
}

TEST_CASE("a worker heartbeats as often as the master's answer says") {
  RecordingMaster master(10ms);
  auto options = options_for({master.address()});
  options.heartbeat_interval = 60s;
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  CHECK(master.hears(5));
}

TEST_CASE("a change is told at once, not at the next interval") {
  RecordingMaster master(60s);
  Registration registration(options_for({master.address()}));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(1));
  registration.set_condition(Condition::draining);
  CHECK(master.hears(WorkerCondition::draining));
  registration.set_condition(Condition::failing);
  CHECK(master.hears(WorkerCondition::failing));
  registration.set_condition(Condition::up);
  CHECK(master.hears(WorkerCondition::up));
}

TEST_CASE("what is said last is bye, and nothing after it") {
  RecordingMaster master(60s);
  Registration registration(options_for({master.address()}));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(1));
  registration.stop();
  REQUIRE(master.heard().size() == 2);
  CHECK(master.heard().back().condition == WorkerCondition::bye);
  registration.set_condition(Condition::up);
  registration.stop();
  CHECK(master.heard().size() == 2);
}

TEST_CASE("a hung master and an absent one do not delay what the others hear") {
  HungMaster hung;
  RecordingMaster master;
  Registration registration(options_for({hung.address(), "127.0.0.1:1", master.address()}));
  REQUIRE(registration.start() == std::nullopt);
  CHECK(master.hears(10));
  CHECK(!registration.masters()[0].answers);
  CHECK(eventually([&] { return !registration.masters()[1].error.empty(); }));
  registration.stop();
  CHECK(master.heard().back().condition == WorkerCondition::bye);
}

TEST_CASE("a master that comes back hears the worker again") {
  std::mutex mutex;
  std::vector<std::string> lines;
  auto first = std::make_unique<RecordingMaster>();
  const auto port = first->port();
  auto options = options_for({first->address()});
  options.log = [&](Severity, const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.push_back(line);
  };
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(first->hears(2));
  first.reset();
  REQUIRE(eventually([&] { return !registration.masters()[0].answers; }));
  RecordingMaster second(10ms, port);
  CHECK(second.hears(2));
  registration.stop();
  REQUIRE(lines.size() >= 3);
  CHECK(lines.front() == "registered master=" + second.address() + " node=a role=primary term=7");
  CHECK(lines.back() == lines.front());
  CHECK(lines[1].find("heartbeat was not accepted master=" + second.address()) == 0);
}

TEST_CASE("a refused heartbeat is no registration") {
  RecordingMaster master;
  master.answer_with(400);
  Registration registration(options_for({master.address()}));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(2));
  CHECK(!registration.masters()[0].answers);
  CHECK(eventually([&] { return registration.masters()[0].error.find("status 400") == 0; }));
}

TEST_CASE("a wrong option is told in a sentence that names it") {
  const auto refused = [](const std::function<void(RegistrationOptions&)>& spoil) {
    auto options = options_for({"127.0.0.1:7070"});
    spoil(options);
    return Registration(options).start().value_or("");
  };
  CHECK(refused([](auto& o) { o.name = ""; }).find("name must be") == 0);
  CHECK(refused([](auto& o) { o.service = "a b"; }).find("service must be") == 0);
  CHECK(refused([](auto& o) { o.masters = {"7070"}; }).find("masters must be HOST:PORT") == 0);
  CHECK(refused([](auto& o) { o.masters = {"127.0.0.1:0"}; }).find("masters must have a port") ==
        0);
  CHECK(refused([](auto& o) { o.masters.assign(5, "127.0.0.1:1"); }).empty());
  CHECK(refused([](auto& o) { o.masters.assign(6, "127.0.0.1:1"); }).find("masters must be") == 0);
  CHECK(refused([](auto& o) { o.address = "127.0.0.1:0"; }).find("address must have a port") == 0);
  CHECK(refused([](auto& o) { o.weight = 1'000; }).empty());
  CHECK(refused([](auto& o) { o.weight = 1'001; }).find("weight must be") == 0);
  CHECK(refused([](auto& o) { o.connections = 0; }).find("connections must be") == 0);
  CHECK(refused([](auto& o) { o.connections = 65'536; }).find("connections must be") == 0);
  CHECK(refused([](auto& o) { o.heartbeat_interval = 9ms; }).find("heartbeat_interval") == 0);
  CHECK(refused([](auto& o) { o.heartbeat_interval = 61s; }).find("heartbeat_interval") == 0);
}

TEST_CASE("the token of the masters is presented with each heartbeat, and is theirs alone to see") {
  auto path = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << "0123456789abcdef\n";
  RecordingMaster master;
  auto options = options_for({master.address()});
  options.token_file = path;
  Registration registration(options);
  CHECK(registration.start() == std::nullopt);
  CHECK(master.hears(1));
  CHECK(master.authorization() == "Bearer 0123456789abcdef");
  std::filesystem::remove(path);
  CHECK(Registration(options).start().value_or("").find("token_file: " + path) == 0);
}

TEST_CASE("a registration that was stopped or started is not started again") {
  RecordingMaster master;
  Registration stopped(options_for({master.address()}));
  stopped.stop();
  CHECK(stopped.start());
  Registration started(options_for({master.address()}));
  CHECK(!started.start());
  CHECK(started.start());
}

TEST_CASE(
    "the delay to the next heartbeat grows while a master is away, and jitter only shortens") {
  struct Row {
    Duration interval;
    unsigned failures;
    double random;
    Duration delay;
  };
  for (const auto& row : std::vector<Row>{
           {1s, 0, 0, 1s},
           {1s, 0, 1, 900ms},
           {1s, 1, 0, 1s},
           {1s, 2, 0, 2s},
           {1s, 3, 0, 2s},
           {1s, 100, 0, 2s},
           {100ms, 0, 0.5, 95ms},
           {100ms, 3, 0, 400ms},
           {100ms, 30, 0, 2s},
           {30s, 5, 0, 30s},
       }) {
    INFO(row.interval.count() << " " << row.failures << " " << row.random);
    CHECK(heartbeat_delay(row.interval, row.failures, row.random) == row.delay);
  }
}

TEST_CASE("a worker that was removed heartbeats to no master any more, and is told once") {
  RecordingMaster a;
  RecordingMaster b;
  std::atomic<int> told{0};
  auto options = options_for({a.address(), b.address()});
  options.on_removed = [&] { ++told; };
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(a.hears(2));
  REQUIRE(b.hears(2));
  a.remove_worker();
  REQUIRE(eventually([&] {
    const auto masters = registration.masters();
    return !masters[0].answers && !masters[1].answers;
  }));
  REQUIRE(eventually([&] { return told == 1; }));
  registration.stop();                                       // waits for what was on its way
  CHECK(b.heard().back().condition == WorkerCondition::up);  // no bye from one that is no member
  CHECK(told == 1);
}

TEST_CASE("a service that is found elsewhere is registered there, at once") {
  RecordingMaster master;
  auto options = options_for({master.address()});
  options.heartbeat_interval = 60s;
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(1));
  CHECK(registration.set_address("elsewhere:9002"));
  CHECK(registration.set_address("127.0.0.1:0"));
  CHECK(registration.set_address("127.0.0.1:9002") == std::nullopt);
  CHECK(master.wait_until([](const auto& heard) {
    return heard.back().address == Endpoint{"127.0.0.1", 9002};
  }));
  CHECK(master.heard().back().incarnation == master.heard().front().incarnation);
}

TEST_CASE("what a master says of checks and finds wrong is passed on once") {
  RecordingMaster master;
  master.advise("check_path=/up", "it advertises a loopback address");
  auto options = options_for({master.address()});
  std::mutex mutex;
  std::vector<std::string> checks;
  std::vector<std::string> warnings;
  options.on_checks = [&](const std::string& said) {
    const std::lock_guard lock(mutex);
    checks.push_back(said);
  };
  options.log = [&](Severity severity, const std::string& line) {
    const std::lock_guard lock(mutex);
    if (severity == Severity::warning) warnings.push_back(line);
  };
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(5));
  const std::lock_guard lock(mutex);
  CHECK(checks == std::vector<std::string>{"check_path=/up"});
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("it advertises a loopback address") != std::string::npos);
}

TEST_CASE("a worker learns from the primary who the masters are, and follows when they change") {
  RecordingMaster a;
  RecordingMaster b;
  RecordingMaster c;
  Registration registration(options_for({a.address()}));
  a.name_masters("a=" + a.address() + " b=" + b.address());
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(b.hears(2));
  b.call_itself("b", "standby", Term(8));
  b.name_masters("c=" + c.address());  // the word of another than the primary
  REQUIRE(b.hears(b.heard().size() + 2));
  CHECK(c.heard().empty());
  b.call_itself("b", "primary", Term(8));
  REQUIRE(c.hears(2));
  c.call_itself("c", "standby", Term(8));
  CHECK(eventually([&] {
    const auto masters = registration.masters();
    return masters.size() == 1 && masters[0].address == c.address();
  }));
}

TEST_CASE("a worker that hears no primary finds it by the word of another master, and only then") {
  RecordingMaster a;
  RecordingMaster b;
  RecordingMaster c;
  b.call_itself("b", "standby", Term(7));
  b.name_masters("a=" + a.address() + " b=" + b.address(), 3);
  Registration registration(options_for({b.address()}));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(a.hears(2));
  CHECK(eventually([&] {
    const auto masters = registration.masters();
    return masters.size() == 2 && masters[1].role == "primary";
  }));
  b.name_masters("a=" + a.address() + " b=" + b.address() + " c=" + c.address(), 4);
  REQUIRE(b.hears(b.heard().size() + 3));
  CHECK(c.heard().empty());
}

TEST_CASE("what a worker has learned of masters is kept in its state directory") {
  const auto directory =
      std::filesystem::temp_directory_path() / ("learned-" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  RecordingMaster b;
  {
    RecordingMaster a;
    auto options = options_for({a.address()});
    options.state_dir = directory.string();
    Registration registration(options);
    a.name_masters("a=" + a.address() + " b=" + b.address() + " d=0.0.0.0:1");
    REQUIRE(registration.start() == std::nullopt);
    REQUIRE(b.hears(1));
  }
  const auto before = b.heard().size();
  auto options = options_for({"127.0.0.1:1"});  // nobody there
  options.state_dir = directory.string();
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  CHECK(b.hears(before + 2));
  registration.stop();
  std::filesystem::remove_all(directory);
}

TEST_CASE("a master that is bound to all addresses belongs, wherever it is heard") {
  RecordingMaster a;
  RecordingMaster b;
  auto options = options_for({a.address(), b.address()});
  const auto port = std::to_string(a.port());
  a.name_masters("a=0.0.0.0:" + port + " b=" + b.address());
  b.call_itself("b", "standby", Term(7));
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(a.hears(5));
  b.call_itself("b", "primary", Term(8));
  b.name_masters("a=0.0.0.0:" + port + " b=" + b.address());
  REQUIRE(b.hears(b.heard().size() + 3));
  CHECK(a.hears(a.heard().size() + 3));
  CHECK(registration.masters().size() == 2);
}

TEST_CASE("a list of masters that is not understood ends no heartbeats, and is told once") {
  RecordingMaster a;
  RecordingMaster b;
  auto options = options_for({a.address(), b.address()});
  std::mutex mutex;
  std::vector<std::string> warnings;
  options.log = [&](Severity severity, const std::string& line) {
    const std::lock_guard lock(mutex);
    if (severity == Severity::warning) warnings.push_back(line);
  };
  b.call_itself("b", "standby", Term(7));
  a.name_masters("c=10.0.0.1:1 nonsense");
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(a.hears(3));
  for (const auto& list : {std::string(40'000, '='), std::string("a=x:0 b=y:1"),
                           std::string("c=127.0.0.1:1 c=127.0.0.1:2")}) {
    a.name_masters(list);
    REQUIRE(a.hears(a.heard().size() + 3));
    REQUIRE(b.hears(b.heard().size() + 3));
  }
  CHECK(registration.masters().size() == 2);
  const std::lock_guard lock(mutex);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "the masters that a names are not learned: nonsense is not NAME=HOST:PORT");
}

TEST_CASE("masters may come and go without end") {
  RecordingMaster a;
  std::vector<std::unique_ptr<RecordingMaster>> others;
  for (int i = 0; i < 2; ++i) others.push_back(std::make_unique<RecordingMaster>());
  Registration registration(options_for({a.address()}));
  a.name_masters("a=" + a.address());
  REQUIRE(registration.start() == std::nullopt);
  for (std::size_t i = 0; i < 40; ++i) {
    auto& other = *others[i % 2];
    const auto name = "m" + std::to_string(i);
    other.call_itself(name, "standby", Term(7));
    const auto before = other.heard().size();
    a.name_masters("a=" + a.address() + " " + name + "=" + other.address());
    REQUIRE(other.hears(before + 2));
  }
}

}  // namespace tandem::test::registration_test
