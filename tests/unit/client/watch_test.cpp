// The workers of a service, watched; and masters that are learned from control addresses.
#include <catch2/catch.hpp>

#include <condition_variable>
#include <future>
#include <mutex>

#include "scripted_masters.hpp"

namespace tandem::test::watch_test {

using namespace std::chrono_literals;

namespace {

// A control address that says what it is told to say.
class Control {
 public:
  Control()
      : origin_([this](Origin& origin, RawSocket& socket) {
          for (;;) {
            const auto request = origin.receive(socket);
            socket.send(say(request.start_line()));
          }
        }) {}

  void leads(bool yes) { set(leads_, yes); }
  void serves(const std::string& instances) { set(instances_, instances); }
  void knows(const std::string& masters) { set(masters_, masters); }
  const Origin& origin() const { return origin_; }
  Origin& origin() { return origin_; }

 private:
  template <class T>
  void set(T& variable, T value) {
    const std::lock_guard lock(mutex_);
    variable = std::move(value);
  }

  std::string say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    if (line.starts_with("GET /primary ")) {
      return leads_ ? ok("{}") : answer("503 No", "Retry-After: 1\r\n", "{}");
    }
    if (line.starts_with("GET /v1/masters ")) return ok(masters_);
    if (instances_.empty()) return answer("404 Not Found", "", "{}");
    return ok(R"({"name": "shop", "instances": [)" + instances_ + R"(], "panic": false})");
  }

  std::mutex mutex_;
  bool leads_ = true;
  std::string instances_;
  std::string masters_;
  Origin origin_;
};

std::string instance(const std::string& name, unsigned weight = 100) {
  return fmt::format(R"({{"name": "{}", "service": "shop", "address": "10.0.0.1:80",
    "kind": "tandem", "state": "up", "reason": "", "weight": {}, "connections": 8, "in_flight": 0,
    "requests": 0, "failures": 0, "last_heartbeat_ms": 1}})",
                     name, weight);
}

std::string masters_document(const std::string& control, const std::string& listen) {
  return fmt::format(R"({{"cluster": "1", "node": "a", "primary": "a", "term": 1, "masters": [
    {{"name": "a", "control": "{}", "listen": "{}", "votes": true}}]}})",
                     control, listen);
}

// What a watch told, as text.
class Told {
 public:
  auto changed() {
    return [this](const ServiceView& view) {
      std::string text;
      for (const auto& worker : view.workers) {
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", worker.name, worker.weight);
      }
      add("[" + text + "]");
    };
  }
  auto failed() {
    return [this](const ClientError& error) { add(to_string(error.code)); };
  }
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(what);
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  bool comes_to(const std::vector<std::string>& what) const {
    return eventually([&] { return all() == what; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
};

template <class... Controls>
ClientOptions with_controls(const Controls&... controls) {
  ClientOptions options;
  options.controls = {address_of(controls.origin())...};
  return options;
}

WatchOptions often(Told& told) {
  WatchOptions options;
  options.interval = 5ms;
  options.timeout = 5s;
  options.failed = told.failed();
  return options;
}

// So many more looks have been taken.
bool looked(const Control& control, std::size_t more) {
  const auto before = control.origin().request_count();
  return eventually([&] { return control.origin().request_count() >= before + more; });
}

}  // namespace

TEST_CASE("a watch tells the workers of a service at first and when they change, and only then") {
  Control control;
  control.serves(instance("w2") + "," + instance("w1", 50));
  Told told;
  Client client(with_controls(control));
  const auto watch = client.watch("shop", told.changed(), often(told));
  REQUIRE(told.comes_to({"[w1=50 w2=100]"}));
  CHECK(looked(control, 8));
  control.serves(instance("w2"));
  REQUIRE(told.comes_to({"[w1=50 w2=100]", "[w2=100]"}));
  control.serves("");
  REQUIRE(told.comes_to({"[w1=50 w2=100]", "[w2=100]", "[]"}));
  CHECK(looked(control, 8));
  CHECK(told.all().size() == 3);
}

TEST_CASE("a watch asks the primary, and follows it") {
  Control a, b;
  a.serves(instance("seen-by-a"));
  b.serves(instance("seen-by-b"));
  a.leads(false);
  Told told;
  const auto watch = Client(with_controls(a, b)).watch("shop", told.changed(), often(told));
  REQUIRE(told.comes_to({"[seen-by-b=100]"}));
  a.leads(true);
  b.leads(false);
  REQUIRE(told.comes_to({"[seen-by-b=100]", "[seen-by-a=100]"}));
  a.leads(false);  // a standby is better than nobody
  CHECK(looked(a, 8));
  b.leads(true);
  REQUIRE(told.comes_to({"[seen-by-b=100]", "[seen-by-a=100]", "[seen-by-b=100]"}));
}

TEST_CASE("a watch tells once that nobody answers, and keeps what it saw") {
  std::optional<Control> control(std::in_place);
  control->serves(instance("w1"));
  auto options = with_controls(*control);
  Told told;
  const auto watch = Client(options).watch("shop", told.changed(), often(told));
  REQUIRE(told.comes_to({"[w1=100]"}));
  control.reset();
  REQUIRE(told.comes_to({"[w1=100]", "unreachable"}));
}

TEST_CASE("a watch that is stopped calls nobody any more") {
  Control control;
  control.serves(instance("w1"));
  Told told;
  auto watch = Client(with_controls(control)).watch("shop", told.changed(), often(told));
  REQUIRE(told.comes_to({"[w1=100]"}));
  watch->stop();
  const auto requests = control.origin().request_count();
  control.serves(instance("w2"));
  watch->stop();
  watch.reset();
  CHECK(told.all().size() == 1);
  CHECK(control.origin().request_count() == requests);
}

TEST_CASE("a watch may be stopped by the function that it calls") {
  Control control;
  control.serves(instance("w1"));
  std::promise<ServiceWatch*> made;
  auto watch_there = made.get_future();
  std::promise<void> stopped;
  WatchOptions options;
  options.interval = 5ms;
  std::atomic<int> calls = 0;
  auto watch = Client(with_controls(control))
                   .watch(
                       "shop",
                       [&](const ServiceView&) {
                         ++calls;
                         watch_there.get()->stop();
                         stopped.set_value();
                       },
                       options);
  made.set_value(watch.get());
  REQUIRE(stopped.get_future().wait_for(10s) == std::future_status::ready);
  watch.reset();
  CHECK(calls == 1);
}

TEST_CASE("a watch presents the token, and calls never do") {
  Control control;
  control.serves(instance("w1"));
  Origin master(always(ok("")));
  auto options = with_controls(control);
  options.masters = {address_of(master)};
  options.token = "secret";
  Told told;
  Client client(options);
  const auto watch = client.watch("shop", told.changed(), often(told));
  REQUIRE(told.comes_to({"[w1=100]"}));
  REQUIRE(client.Get("/"));
  for (const auto& request : control.origin().requests()) {
    CHECK(request.field("Authorization") == "Bearer secret");
  }
  CHECK(master.requests()[0].count("Authorization") == 0);
}

TEST_CASE("a watch with options that are wrong says which") {
  const auto complaint = [](const ClientOptions& client_options, const std::string& service,
                            std::chrono::milliseconds interval) {
    std::promise<ClientError> failed;
    WatchOptions options;
    options.interval = interval;
    options.failed = [&](const ClientError& error) { failed.set_value(error); };
    const auto watch = Client(client_options)
                           .watch(
                               service, [](const ServiceView&) {}, options);
    const auto error = failed.get_future().get();
    CHECK(error.code == ClientErrorCode::invalid);
    return error.message;
  };
  ClientOptions options;
  options.masters = {"127.0.0.1:1"};
  CHECK(complaint(options, "shop", 1s) == "controls must be 1 to 16 addresses");
  options.controls = {"127.0.0.1:1"};
  CHECK(complaint(options, "no name", 1s) == "the service has no name");
  CHECK(complaint(options, "shop", 0ms).find("interval") == 0);
  options.controls = {"127.0.0.1"};
  CHECK(complaint(options, "shop", 1s).find("controls") == 0);
}

TEST_CASE("the masters are learned from a control address, when none that is known serves") {
  Control control;
  Origin moved(always(ok("moved")));
  control.knows(masters_document("0.0.0.0:1", address_of(moved)));
  auto options = with_controls(control);
  SECTION("those that were told are gone") { options.masters = {refusing_address()}; }
  SECTION("none was told") {}
  Client client(options);
  for (int i = 0; i < 2; ++i) {
    const auto seen = client.Post("/", "order", "text/plain");
    if (!seen) FAIL(seen.error().message);
    CHECK(seen->body == "moved");
    CHECK(seen->master == address_of(moved));
  }
  CHECK(control.origin().request_count() == 1);
}

}  // namespace tandem::test::watch_test
