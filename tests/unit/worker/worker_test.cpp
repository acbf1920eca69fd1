#include <filesystem>
#include <future>

#include <catch2/catch.hpp>

#include "common/base/endpoint.hpp"
#include "tandem/worker.hpp"
#include "common/wire/term_proof.hpp"
#include "tests/unit/worker/recording_master.hpp"
#include "worker/src/limits.hpp"

namespace tandem::test::worker_test {

using wire::WorkerCondition;

namespace {

httplib::Client client_of(const Worker& worker) {
  const auto address = *parse_endpoint(worker.address(), "address");
  httplib::Client client(address.host, address.port);
  client.set_read_timeout(deadline);
  return client;
}

WorkerOptions options_for(std::vector<std::string> masters) {
  WorkerOptions options;
  options.name = "w1";
  options.masters = std::move(masters);
  options.heartbeat_interval = 10ms;
  return options;
}

// A handler that answers when it is told to.
struct Gate {
  std::promise<void> entered;
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  bool was_entered() {
    return entered.get_future().wait_for(deadline) == std::future_status::ready;
  }
};

void add_gate(Worker& worker, Gate& gate) {
  worker.server().Get("/gate", [&gate](const httplib::Request&, httplib::Response& response) {
    gate.entered.set_value();
    gate.opened.wait_for(deadline);
    response.set_content("through\n", "text/plain");
  });
}

}  // namespace

TEST_CASE("a worker serves its routes and registers the address with its real port") {
  RecordingMaster master;
  Worker worker(options_for({master.address()}));
  worker.server().Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello\n", "text/plain");
  });
  REQUIRE(worker.start() == std::nullopt);
  REQUIRE(master.hears(1));
  CHECK(master.heard()[0].address.to_string() == worker.address());
  CHECK(master.heard()[0].address.port != 0);
  auto client = client_of(worker);
  const auto answer = client.Get("/");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "hello\n");
  CHECK(worker.name() == "w1");
}

TEST_CASE("a worker without a name is named after its machine and port") {
  auto options = options_for({});
  options.name = "";
  Worker worker(options);
  REQUIRE(worker.start() == std::nullopt);
  const auto port = parse_endpoint(worker.address(), "address")->port;
  CHECK(worker.name().ends_with("-" + std::to_string(port)));
}

TEST_CASE("a worker serves when no master answers") {
  Worker worker(options_for({"127.0.0.1:1"}));
  worker.server().Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello\n", "text/plain");
  });
  REQUIRE(worker.start() == std::nullopt);
  REQUIRE(eventually([&] { return !worker.masters()[0].error.empty(); }));
  auto client = client_of(worker);
  CHECK(client.Get("/")->body == "hello\n");
}

TEST_CASE("an advertised address is told in place of the one that is listened on") {
  RecordingMaster master;
  auto options = options_for({master.address()});
  options.listen = "0.0.0.0:0";
  options.advertise = "10.1.2.3:80";
  Worker worker(options);
  REQUIRE(worker.start() == std::nullopt);
  REQUIRE(master.hears(1));
  CHECK(master.heard()[0].address == Endpoint{"10.1.2.3", 80});
}

TEST_CASE("an address in use is told in one sentence") {
  Worker first(options_for({}));
  REQUIRE(first.start() == std::nullopt);
  auto options = options_for({});
  options.listen = first.address();
  Worker second(options);
  CHECK(second.start() == "cannot listen on " + first.address() + ": Address already in use");
}

TEST_CASE("draining is told at once and what comes is still served") {
  RecordingMaster master(60s);
  Worker worker(options_for({master.address()}));
  REQUIRE(worker.start() == std::nullopt);
  REQUIRE(master.hears(1));
  worker.drain();
  CHECK(master.hears(WorkerCondition::draining));
  auto client = client_of(worker);
  CHECK(client.Get("/")->status == 404);
}

TEST_CASE("the requests in flight are counted and told") {
  RecordingMaster master;
  Worker worker(options_for({master.address()}));
  Gate gate;
  add_gate(worker, gate);
  REQUIRE(worker.start() == std::nullopt);
  auto answer =
      std::async(std::launch::async, [&] { return client_of(worker).Get("/gate")->body; });
  REQUIRE(gate.was_entered());
  CHECK(worker.in_flight() == 1);
  CHECK(master.wait_until(
      [](const auto& heard) { return !heard.empty() && heard.back().in_flight == 1; }));
  gate.open.set_value();
  CHECK(answer.get() == "through\n");
  CHECK(master.wait_until(
      [](const auto& heard) { return !heard.empty() && heard.back().in_flight == 0; }));
}

TEST_CASE("stopping says bye first, then finishes what is in flight") {
  RecordingMaster master;
  Worker worker(options_for({master.address()}));
  Gate gate;
  add_gate(worker, gate);
  REQUIRE(worker.start() == std::nullopt);
  auto answer =
      std::async(std::launch::async, [&] { return client_of(worker).Get("/gate")->body; });
  REQUIRE(gate.was_entered());
  auto stopped = std::async(std::launch::async, [&] { worker.stop(); });
  CHECK(master.hears(WorkerCondition::bye));
  CHECK(worker.in_flight() == 1);
  gate.open.set_value();
  CHECK(answer.get() == "through\n");
  CHECK(stopped.wait_for(deadline) == std::future_status::ready);
}

TEST_CASE("stopping lets a response that is being streamed reach its end") {
  Worker worker(options_for({}));
  Gate gate;
  worker.server().Get("/stream", [&gate](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("text/plain",
                                          [&gate](std::size_t offset, httplib::DataSink& sink) {
                                            if (offset == 0) {
                                              sink.write("begin ", 6);
                                              gate.entered.set_value();
                                              gate.opened.wait_for(deadline);
                                            } else {
                                              sink.write("end", 3);
                                              sink.done();
                                            }
                                            return true;
                                          });
  });
  REQUIRE(worker.start() == std::nullopt);
  auto answer =
      std::async(std::launch::async, [&] { return client_of(worker).Get("/stream")->body; });
  REQUIRE(gate.was_entered());
  auto stopped = std::async(std::launch::async, [&] { worker.stop(); });
  // A refused connection shows that stopping has begun.
  CHECK(eventually([&] { return !client_of(worker).Get("/"); }));
  gate.open.set_value();
  CHECK(answer.get() == "begin end");
  stopped.get();
}

TEST_CASE("idle connections do not hold up stopping") {
  Worker worker(options_for({}));
  REQUIRE(worker.start() == std::nullopt);
  std::vector<httplib::Client> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(client_of(worker));
    idle.back().set_keep_alive(true);
    REQUIRE(idle.back().Get("/"));
  }
  auto stopped = std::async(std::launch::async, [&] { worker.stop(); });
  CHECK(stopped.wait_for(deadline) == std::future_status::ready);
}

TEST_CASE("a request that takes longer than the patience of stopping is cut off") {
  auto options = options_for({});
  options.drain_timeout = 1ms;
  Worker worker(options);
  worker.server().Get("/endless", [](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider(
        "text/plain", [](std::size_t, httplib::DataSink& sink) { return sink.write("more ", 5); });
  });
  REQUIRE(worker.start() == std::nullopt);
  auto answer = std::async(std::launch::async, [&] {
    return client_of(worker).Get("/endless", [](const char*, std::size_t) { return true; });
  });
  REQUIRE(eventually([&] { return worker.in_flight() == 1; }));
  auto stopped = std::async(std::launch::async, [&] { worker.stop(); });
  CHECK(stopped.wait_for(deadline) == std::future_status::ready);
  CHECK(!answer.get());
}

TEST_CASE("a worker holds the connections it advertises and more for direct callers") {
  auto options = options_for({});
  options.connections = 4;
  Worker worker(options);
  REQUIRE(worker.start() == std::nullopt);
  std::vector<httplib::Client> open;
  for (unsigned i = 0; i < 4 + limits::direct_connections; ++i) {
    open.push_back(client_of(worker));
    open.back().set_keep_alive(true);
    REQUIRE(open.back().Get("/"));
  }
  // For one more the oldest that idles gives way.
  CHECK(client_of(worker).Get("/")->status == 404);
  httplib::Request request;
  request.method = "POST";  // which is not sent again
  request.path = "/";
  CHECK(open.back().send(request)->status == 404);
}

TEST_CASE("once a master has given its key, its places are for whoever has it") {
  RecordingMaster master;
  const std::string key(32, 'k');
  master.give_key(key);
  auto options = options_for({master.address()});
  options.connections = 1;
  Worker worker(options);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  worker.server().Get("/held", [opened](const httplib::Request&, httplib::Response&) {
    opened.wait_for(deadline);
  });
  REQUIRE(worker.start() == std::nullopt);
  const httplib::Headers proof{{"Tandem-Term", wire::proven_term(Term(1), key)}};
  // Answered by the fence once the key is known.
  REQUIRE(eventually([&] {
    httplib::Request announcement;
    announcement.method = "OPTIONS";
    announcement.path = "*";
    announcement.headers = proof;
    return client_of(worker).send(announcement)->status == 204;
  }));
  std::vector<std::future<int>> strangers;
  for (unsigned i = 0; i < limits::direct_connections; ++i) {
    strangers.push_back(
        std::async(std::launch::async, [&] { return client_of(worker).Get("/held")->status; }));
  }
  REQUIRE(eventually([&] { return worker.in_flight() == limits::direct_connections; }));
  CHECK(client_of(worker).Get("/")->status == 503);
  CHECK(client_of(worker).Get("/", {{"Tandem-Term", "1"}})->status == 503);
  CHECK(client_of(worker).Get("/", proof)->status == 404);
  gate.set_value();
  for (auto& stranger : strangers) CHECK(stranger.get() == 200);
}

TEST_CASE("a state directory is made for its owner alone and serves one worker") {
  const auto path =
      std::filesystem::temp_directory_path() / ("tandem-" + std::to_string(::getpid()));
  auto options = options_for({});
  options.state_dir = path.string();
  {
    Worker first(options);
    REQUIRE(first.start() == std::nullopt);
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::all) ==
          std::filesystem::perms::owner_all);
    Worker second(options);
    CHECK(second.start() ==
          "state_dir " + path.string() + " is in use by another worker: give each its own");
  }
  Worker again(options);
  CHECK(again.start() == std::nullopt);
  again.stop();
  std::filesystem::remove_all(path);
  options.state_dir = "/proc/none";
  CHECK(Worker(options).start().value_or("").find("state_dir /proc/none cannot be used") == 0);
}

TEST_CASE("wrong options of a worker are told in a sentence") {
  const auto refused = [](const std::function<void(WorkerOptions&)>& spoil) {
    auto options = options_for({});
    spoil(options);
    return Worker(options).start().value_or("");
  };
  CHECK(refused([](auto& o) { o.listen = "9001"; }).find("listen must be HOST:PORT") == 0);
  CHECK(refused([](auto& o) { o.name = "a b"; }).find("name must be") == 0);
  CHECK(refused([](auto& o) { o.connections = 0; }).find("connections must be") == 0);
  CHECK(refused([](auto& o) { o.advertise = "x"; }).find("address must be HOST:PORT") == 0);
  CHECK(refused([](auto& o) { o.listen = "192.0.2.1:1"; }).find("cannot listen on") == 0);
}

}  // namespace tandem::test::worker_test
