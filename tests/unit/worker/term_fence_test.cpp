// R10 on the wire, and the witness beside the service.
#include <catch2/catch.hpp>

#include <httplib.h>

#include "common/wire/term_proof.hpp"
#include "tandem/worker.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/worker/recording_master.hpp"
#include "worker/src/term_fence.hpp"

namespace tandem::test::term_fence_test {
namespace {

const std::string key(64, 'a');

std::string proof_of(std::uint64_t term) { return wire::proven_term(Term(term), key); }

struct Fenced;
httplib::Result announce(Fenced& fenced, std::uint64_t term);

struct Fenced {
  Fenced() : worker(options()) {
    master.give_key(key);
    worker.server().Get("/", [this](const httplib::Request&, httplib::Response& response) {
      ++executed;
      response.set_content("done\n", "text/plain");
    });
    worker.server().Get("/heard", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.get_header_value("Tandem-Timeout-Ms"), "text/plain");
    });
    worker.server().Post("/", [this](const httplib::Request&, httplib::Response&) { ++executed; });
    REQUIRE(worker.start() == std::nullopt);
    REQUIRE(eventually([this] { return announce(*this, 1)->status == 204; }));
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
    return client().Get("/", {{"Tandem-Term", proof_of(term)}});
  }

  RecordingMaster master;
  std::atomic<int> executed{0};
  Worker worker;
};

httplib::Result announce(Fenced& fenced, std::uint64_t term) {
  httplib::Request request;
  request.method = "OPTIONS";
  request.path = "*";
  request.headers = {{"Tandem-Term", proof_of(term)}};
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
  CHECK(stale->get_header_value("Tandem-Term") == proof_of(5));
  CHECK(fenced.executed == 3);
  auto client = fenced.client();
  const auto posted = client.Post("/", {{"Tandem-Term", proof_of(4)}}, "body", "text/plain");
  REQUIRE(posted);
  CHECK(posted->status == 409);
  CHECK(fenced.executed == 3);
}

TEST_CASE("an announced term is promised, and a lower announcement is told the higher one") {
  Fenced fenced;
  const auto announced = announce(fenced, 7);
  REQUIRE(announced);
  CHECK(announced->status == 204);
  CHECK(announced->get_header_value("Tandem-Term") == proof_of(7));
  CHECK(fenced.get(6)->status == 409);
  const auto lower = announce(fenced, 6);
  REQUIRE(lower);
  CHECK(lower->status == 409);
  CHECK(lower->get_header_value("Tandem-Term") == proof_of(7));
  CHECK(fenced.executed == 0);
}

TEST_CASE("requests without a term are served, whatever was promised") {
  Fenced fenced;
  REQUIRE(announce(fenced, 7));
  auto client = fenced.client();
  CHECK(client.Get("/")->status == 200);
}

TEST_CASE("a term without a proof by the worker's key is ignored, whoever sends it") {
  Fenced fenced;
  const auto other = wire::proven_term(Term(9), std::string(64, 'b'));
  const auto of_another_term = "9" + proof_of(8).substr(1);
  const auto padded = "0" + proof_of(9);
  int served = 0;
  for (const std::string& text :
       {std::string("18446744073709551615"), std::string("9"), std::string("9."), std::string("x"),
        other, of_another_term, padded, proof_of(9) + "0", std::string(".") + proof_of(9)}) {
    INFO(text);
    auto client = fenced.client();
    const auto answer = client.Get("/", {{"Tandem-Term", text}});
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(fenced.executed == ++served);
  }
  CHECK(fenced.get(2)->status == 200);  // nothing of it was believed
}

TEST_CASE("what only masters say is heard from masters alone") {
  Fenced fenced;
  auto client = fenced.client();
  const auto heard = [&](const httplib::Headers& headers) {
    const auto answer = client.Get("/heard", headers);
    return answer ? answer->body : "no answer";
  };
  CHECK(heard({{"Tandem-Timeout-Ms", "800"}}) == "");
  CHECK(heard({{"tandem-timeout-ms", "800"}, {"Tandem-Term", "7"}}) == "");
  CHECK(heard({{"Tandem-Timeout-Ms", "800"}, {"Tandem-Term", proof_of(2)}}) == "800");
}

TEST_CASE("a challenge is answered by the worker's key, whoever asks") {
  Fenced fenced;
  httplib::Request request;
  request.method = "OPTIONS";
  request.path = "*";
  request.headers = {{"Tandem-Challenge", "0a1b"}};
  const auto answer = fenced.client().send(request);
  REQUIRE(answer);
  CHECK(answer->status == 204);
  CHECK(answer->get_header_value("Tandem-Answer") == wire::answer_to_challenge("0a1b", key));
  CHECK(wire::answer_to_challenge("0a1b", key) != wire::answer_to_challenge("0a1c", key));
  request.headers = {{"Tandem-Challenge", "a name is no space"}};
  const auto none = fenced.client().send(request);
  REQUIRE(none);
  CHECK_FALSE(none->has_header("Tandem-Answer"));
}

TEST_CASE("what was promised to one cluster is nothing to another one") {
  TermFence fence;
  const std::string other(64, 'b');
  const auto ask = [&](const std::string& value) {
    httplib::Request request;
    httplib::Response response;
    request.method = "GET";
    request.path = "/";
    request.set_header("Tandem-Term", value);
    return fence.answers(request, response) ? response.status : 0;
  };
  fence.take_keys({key});
  CHECK(ask(proof_of(7)) == 0);
  fence.take_keys({key, other});
  CHECK(ask(wire::proven_term(Term(3), other)) == 0);
  CHECK(ask(proof_of(6)) == 409);
  CHECK(fence.promised(other) == Term(3));
  CHECK(fence.promised(key) == Term(7));
  CHECK(fence.promised("") == Term(7));
  fence.take_keys({other});
  CHECK(ask(proof_of(6)) == 0);  // no longer a proof at all
  CHECK(fence.promised("") == Term(3));
}

TEST_CASE("heartbeats say that terms are taken, and which one was promised") {
  Fenced fenced;
  REQUIRE(fenced.get(12));
  CHECK(fenced.master.wait_until([](const RecordingMaster::Heard& heard) {
    return !heard.empty() && heard.back().takes_proof && heard.back().term == Term(12);
  }));
}

TEST_CASE("a witness that is given an address listens there, and at the same one after a restart") {
  const TemporaryDirectory directory;
  RecordingMaster master;
  const auto offered = [&] {
    WorkerOptions options;
    options.name = "w1";
    options.masters = {master.address()};
    options.state_dir = (directory.path() / "state").string();
    options.witness_listen = "127.0.0.1:0";
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
  CHECK(first == second);
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
    CHECK(offer->dials());
    return *offer;
  };
  const auto first = offered();
  CHECK(first == offered());
}

TEST_CASE("a witness that others could reach wants a token") {
  const TemporaryDirectory directory;
  WorkerOptions options;
  options.name = "w1";
  options.masters = {"127.0.0.1:1"};
  options.state_dir = (directory.path() / "state").string();
  options.witness_listen = "0.0.0.0:0";
  Worker worker(options);
  const auto problem = worker.start();
  REQUIRE(problem);
  CHECK(problem->find("witness_listen: 0.0.0.0:0 is beyond this machine") != std::string::npos);
  options.insecure_network = true;
  Worker without_token(options);
  const auto still = without_token.start();
  REQUIRE(still);
  CHECK(still->find("token_file") != std::string::npos);
}

TEST_CASE("masters beyond this machine get no heartbeats in clear text, unless it is allowed") {
  RegistrationOptions options;
  options.name = "w1";
  options.address = "127.0.0.1:9";
  options.masters = {"127.0.0.1:1", "192.0.2.7:70"};
  Registration refused(options);
  const auto problem = refused.start();
  REQUIRE(problem);
  CHECK(problem->find("masters: 192.0.2.7:70 is beyond this machine") == 0);
  CHECK(problem->find("`insecure_network`") != std::string::npos);
}

}  // namespace tandem::test::term_fence_test
