// R10 on the wire, and the witness beside the service.
#include <catch2/catch.hpp>

#include "tandem/worker.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/worker/recording_master.hpp"

using namespace tandem;
using namespace tandem::test;

namespace {

struct Fenced {
  Fenced() : worker(options()) {
    worker.server().Get("/", [this](const httplib::Request&, httplib::Response& response) {
      ++executed;
      response.set_content("done\n", "text/plain");
    });
    worker.server().Post("/", [this](const httplib::Request&, httplib::Response&) { ++executed; });
    REQUIRE(worker.start() == std::nullopt);
  }
  WorkerOptions options() {
    WorkerOptions options;
    options.name = "w1";
    options.masters = {master.address()};
    return options;
  }
  httplib::Client client() {
    const auto address = *parse_endpoint(worker.address(), "address");
    httplib::Client client(address.host, address.port);
    client.set_read_timeout(deadline);
    client.set_keep_alive(true);
    return client;
  }
  httplib::Result get(std::uint64_t term) {
    return client().Get("/", {{"Tandem-Term", std::to_string(term)}});
  }

  RecordingMaster master;
  std::atomic<int> executed{0};
  Worker worker;
};

httplib::Result announce(Fenced& fenced, std::uint64_t term) {
  httplib::Request request;
  request.method = "OPTIONS";
  request.path = "*";
  request.headers = {{"Tandem-Term", std::to_string(term)}};
  return fenced.client().send(request);
}

}  // namespace

TEST_CASE("a worker serves its term and higher ones, and refuses lower ones without executing") {
  Fenced fenced;
  CHECK(fenced.get(3)->status == 200);
  CHECK(fenced.get(3)->status == 200);
  CHECK(fenced.get(5)->status == 200);
  const auto stale = fenced.get(4);
  REQUIRE(stale);
  CHECK(stale->status == 409);
  CHECK(stale->get_header_value("Tandem-Term") == "5");
  CHECK(fenced.executed == 3);
  auto client = fenced.client();
  const auto posted = client.Post("/", {{"Tandem-Term", "4"}}, "body", "text/plain");
  REQUIRE(posted);
  CHECK(posted->status == 409);
  CHECK(fenced.executed == 3);
}

TEST_CASE("an announced term is promised, and a lower announcement is told the higher one") {
  Fenced fenced;
  const auto announced = announce(fenced, 7);
  REQUIRE(announced);
  CHECK(announced->status == 204);
  CHECK(announced->get_header_value("Tandem-Term") == "7");
  CHECK(fenced.get(6)->status == 409);
  const auto lower = announce(fenced, 6);
  REQUIRE(lower);
  CHECK(lower->status == 409);
  CHECK(lower->get_header_value("Tandem-Term") == "7");
  CHECK(fenced.executed == 0);
}

TEST_CASE("requests without a term are served, whatever was promised") {
  Fenced fenced;
  REQUIRE(announce(fenced, 7));
  auto client = fenced.client();
  CHECK(client.Get("/")->status == 200);
}

TEST_CASE("a term that is no number is refused") {
  Fenced fenced;
  for (const auto* text : {"x", "-1", "1 2", "99999999999999999999"}) {
    INFO(text);
    auto client = fenced.client();
    const auto answer = client.Get("/", {{"Tandem-Term", text}});
    REQUIRE(answer);
    CHECK(answer->status == 400);
  }
  CHECK(fenced.executed == 0);
}

TEST_CASE("heartbeats say that terms are taken, and which one was promised") {
  Fenced fenced;
  REQUIRE(fenced.get(12));
  CHECK(fenced.master.wait_until([](const RecordingMaster::Heard& heard) {
    return !heard.empty() && heard.back().takes_term && heard.back().term == Term(12);
  }));
}

TEST_CASE("a worker with a state directory offers itself as a witness, the same after a restart") {
  const TemporaryDirectory directory;
  RecordingMaster master;
  const auto offered = [&] {
    WorkerOptions options;
    options.name = "w1";
    options.masters = {master.address()};
    options.state_dir = (directory.path() / "state").string();
    Worker worker(options);
    REQUIRE(worker.start() == std::nullopt);
    const auto before = master.heard().size();
    REQUIRE(master.hears(before + 1));
    const auto offer = master.heard().back().witness;
    REQUIRE(offer);
    httplib::Client control(offer->control.host, offer->control.port);
    CHECK(control.Get("/health")->status == 200);
    CHECK(control.Get("/")->status == 404);
    CHECK(control.Post("/cluster/messages", "{}", "application/json")->status >= 400);
    return *offer;
  };
  const auto first = offered();
  const auto second = offered();
  CHECK(first.incarnation == second.incarnation);
}

TEST_CASE("a witness that others could reach wants a token") {
  const TemporaryDirectory directory;
  WorkerOptions options;
  options.name = "w1";
  options.masters = {"127.0.0.1:1"};
  options.listen = "0.0.0.0:0";
  options.state_dir = (directory.path() / "state").string();
  Worker worker(options);
  const auto problem = worker.start();
  REQUIRE(problem);
  CHECK(problem->find("token_file") != std::string::npos);
}
