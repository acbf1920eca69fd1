// Workers refuse terms that are lower than what they have promised (R10): nothing was executed.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "cluster.hpp"

namespace tandem::test::term_refusal_test {
namespace {

const Gateway::Options tandem_workers{.workers_accept_terms = true};

std::string conflict(std::string_view fields) {
  return fmt::format("HTTP/1.1 409 Conflict\r\n{}Content-Length: 4\r\n\r\nmine", fields);
}

}  // namespace

TEST_CASE("a POST that a worker refused is reported, waits, and is executed once under the term") {
  PromisingWorker worker(5);
  Origin origin(worker.script());
  Gateway gateway({origin.port()}, tandem_workers);
  auto client = gateway.connect();
  client.send(post("once"));
  wait_until([&] { return !gateway.reported_terms().empty(); });
  CHECK(gateway.reported_terms()[0] == 5);
  CHECK(client.stays_silent(200));  // the gate is open still, in a term that the worker refuses
  CHECK(origin.request_count() == 1);
  gateway.lead(5);
  CHECK(read_response(client).status() == 200);
  CHECK(worker.executions("once") == 1);
  CHECK(worker.last_term() == proof_of(5));
  CHECK(origin.connection_count() == 1);  // it was clean, and used again
}

TEST_CASE("a POST that a worker refused goes to the primary once that is known") {
  PromisingWorker worker(5);
  Origin origin(worker.script());
  Origin primary(always(ok("passed on")));
  Gateway gateway({origin.port()}, tandem_workers);
  auto client = gateway.connect();
  client.send(post("once"));
  wait_until([&] { return !gateway.reported_terms().empty(); });
  gateway.follow("p", primary.port(), "pass", 5);
  CHECK(read_response(client).body == "passed on");
  CHECK(worker.executions() == 0);
  CHECK(primary.request_count() == 1);
}

TEST_CASE("a master that is refused and learns of no primary answers 503") {
  PromisingWorker worker(5);
  Origin origin(worker.script());
  Gateway gateway({origin.port()}, tandem_workers);
  const auto answer = gateway.ask(post("never"));
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_primary");
  CHECK(worker.executions() == 0);
  CHECK(origin.request_count() == 1);
}

TEST_CASE("a refusal by a term that the gate has reached meanwhile is tried again at once") {
  Gateway* gate = nullptr;
  std::atomic<int> refusals{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      if (request.field("Tandem-Term") == proof_of(7)) {
        socket.send(ok("x"));
      } else {
        ++refusals;
        gate->gate().set_term(Term(7));
        socket.send(conflict("Tandem-Term: " + proof_of(7) + "\r\n"));
      }
    }
  });
  Gateway gateway({origin.port()}, tandem_workers);
  gate = &gateway;
  CHECK(gateway.ask(post("once")).status() == 200);
  CHECK(refusals == 1);
  CHECK(gateway.reported_terms().empty());
}

TEST_CASE("a worker that refuses each term, however high, is asked three times") {
  Gateway* gate = nullptr;
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto higher = std::stoull(self.receive(socket).field("Tandem-Term")) + 1;
      gate->gate().set_term(Term(higher));
      socket.send(conflict(fmt::format("Tandem-Term: {}\r\n", proof_of(higher))));
    }
  });
  Gateway gateway({origin.port()}, tandem_workers);
  gate = &gateway;
  CHECK(gateway.ask(post("never")).status() == 503);
  CHECK(origin.request_count() == 3);
}

TEST_CASE("a 409 of the application is the answer, whatever it looks like") {
  const std::string unproven = "Tandem-Term: 9." + std::string(32, '0') + "\r\n";
  for (const std::string& fields :
       {std::string(), "Tandem-Term: " + proof_of(1) + "\r\n", std::string("Tandem-Term: 9\r\n"),
        unproven, std::string("Tandem-Term: high\r\n"), std::string("Tandem-T: 9\r\n")}) {
    Origin origin(always(conflict(fields)));
    Gateway gateway({origin.port()}, tandem_workers);
    const auto answer = gateway.ask(post("once"));
    CHECK(answer.status() == 409);
    CHECK(answer.body == "mine");
    CHECK(answer.count("Tandem-Term") == 0);
    CHECK(origin.request_count() == 1);
    CHECK(gateway.reported_terms().empty());
  }
}

TEST_CASE("a worker that is not Tandem's cannot refuse a term") {
  Origin origin(always(conflict("Tandem-Term: 9\r\n")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(get("/")).status() == 409);
  CHECK(gateway.reported_terms().empty());
}

TEST_CASE("a streamed body that was begun is not sent again after a refusal: 503") {
  PromisingWorker worker(5);
  Origin origin(worker.script());
  Gateway gateway({origin.port()}, tandem_workers);
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  wait_until([&] { return !gateway.reported_terms().empty(); });
  gateway.lead(5);  // another try would succeed, with what is left of the body
  const auto answer = read_response(client);
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_primary");
  CHECK(worker.executions() == 0);
}

TEST_CASE("a streamed body that nobody has taken yet is sent after a refusal") {
  Origin origin([](Origin&, RawSocket& socket) {
    for (;;) {
      Message head;
      head.head = socket.read_until("\r\n\r\n");
      if (head.field("Tandem-Term") != proof_of(5)) {
        socket.send(conflict("Tandem-Term: " + proof_of(5) + "\r\n"));
        continue;
      }
      socket.send("HTTP/1.1 100 Continue\r\n\r\n");
      socket.send(ok(socket.read_exactly(100'000).substr(0, 3)));
    }
  });
  Gateway gateway({origin.port()}, tandem_workers);
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
  wait_until([&] { return !gateway.reported_terms().empty(); });
  gateway.lead(5);
  CHECK(read_response(client).status() == 100);
  client.send(std::string(100'000, 'x'));
  CHECK(read_response(client).body == "xxx");
}

}  // namespace tandem::test::term_refusal_test
