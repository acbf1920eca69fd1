// Workers that fail: ejected, probed, readmitted; and how often an outage is multiplied.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "gateway.hpp"

namespace tandem::test::bad_workers_test {

using namespace std::chrono_literals;
using tandem::master::CircuitBreaker;

namespace {

// Answers 500, or 200 once it is well.
struct Patient {
  std::atomic<bool> well{false};
  Origin origin{[this](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(well ? ok("well")
                       : "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    }
  }};
  std::size_t asked() const { return origin.request_count(); }
};

unsigned ask_often(Gateway& gateway, int times) {
  unsigned failed = 0;
  for (int i = 0; i < times; ++i) failed += gateway.ask(get("/")).status() == 200 ? 0 : 1;
  return failed;
}

}  // namespace

TEST_CASE("a worker that answers 500 five times in a row gets no more requests for a while") {
  Patient patient;
  Origin healthy(always(ok("x")));
  Gateway gateway({patient.origin.port(), healthy.port()}, {.breaker = {.open_first = 1h}});
  CHECK(ask_often(gateway, 100) == 5);
  CHECK(patient.asked() == 5);
}

TEST_CASE(
    "an ejected worker is probed by one request at a time, and gets its share again once well") {
  Patient patient;
  Origin healthy(always(ok("x")));
  Gateway gateway({patient.origin.port(), healthy.port()}, {.breaker = {.open_first = 100ms}});
  ask_often(gateway, 20);
  CHECK(patient.asked() >= 5);
  wait_until([&] {
    ask_often(gateway, 5);
    return patient.asked() >= 7;  // two probes failed
  });
  patient.well = true;
  wait_until([&] {
    const auto before = patient.asked();
    ask_often(gateway, 10);
    return patient.asked() == before + 5;
  });
}

TEST_CASE("a worker that fails now and then is not ejected") {
  std::atomic<int> count{0};
  Origin flaky([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(++count % 4 == 0
                      ? ok("x")
                      : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Origin healthy(always(ok("x")));
  Gateway gateway({flaky.port(), healthy.port()}, {.breaker = {.open_first = 1h}});
  ask_often(gateway, 80);
  CHECK(flaky.request_count() == 40);
}

TEST_CASE("a worker that breaks off in the middle of its answers is ejected") {
  Origin broken([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  Origin healthy(always(ok("x")));
  Gateway gateway({healthy.port()}, {.breaker = {.open_first = 1h}, .forgives = true});
  ask_often(gateway, 25);  // they earn five retries
  gateway.publish({broken.port(), healthy.port()});
  CHECK(ask_often(gateway, 100) == 0);
  CHECK(broken.request_count() == 5);
}

TEST_CASE("a worker that is asked for what it does not implement is not ejected") {
  Origin plain(always("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"));
  Origin healthy(always(ok("x")));
  Gateway gateway({plain.port(), healthy.port()}, {.breaker = {.open_first = 1h}});
  ask_often(gateway, 40);
  CHECK(plain.request_count() == 20);
}

TEST_CASE("at most half of a service is ejected: the other half is asked whatever it answers") {
  std::vector<std::unique_ptr<Patient>> patients;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 5; ++i) {
    patients.push_back(std::make_unique<Patient>());
    ports.push_back(patients.back()->origin.port());
  }
  Gateway gateway(ports, {.breaker = {.open_first = 1h}});
  CHECK(ask_often(gateway, 200) == 200);
  std::size_t ejected = 0;
  for (const auto& patient : patients) ejected += patient->asked() == 5 ? 1 : 0;
  CHECK(ejected == 2);
}

TEST_CASE("a single worker is never ejected") {
  Patient patient;
  Gateway gateway({patient.origin.port()}, {.breaker = {.open_first = 1h}});
  ask_often(gateway, 30);
  CHECK(patient.asked() == 30);
}

TEST_CASE("ejected workers are asked when all others have left") {
  Patient patient;
  Origin healthy(always(ok("x")));
  Gateway gateway({patient.origin.port(), healthy.port()}, {.breaker = {.open_first = 1h}});
  ask_often(gateway, 20);
  REQUIRE(patient.asked() == 5);
  patient.well = true;
  gateway.publish({patient.origin.port()});
  wait_until([&] { return gateway.ask(get("/")).body == "well"; });
  CHECK(ask_often(gateway, 10) == 0);
}

TEST_CASE("when all workers break off, the origins see at most 1.2 times the requests and some") {
  const auto breaks_off = [](Origin& self, RawSocket& socket) { self.receive(socket); };
  Origin one(breaks_off), two(breaks_off), three(breaks_off);
  // Their heartbeats say that they are well: nobody stays suspect.
  Gateway gateway({one.port(), two.port(), three.port()},
                  {.breaker = {.failures_in_a_row = 0}, .forgives = true});
  const auto began = std::chrono::steady_clock::now();
  constexpr int requests = 300;
  for (int i = 0; i < requests; ++i) CHECK(gateway.ask(get("/")).status() == 502);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto seen = one.request_count() + two.request_count() + three.request_count();
  CHECK(seen > requests);
  CHECK(static_cast<double>(seen) <= 1.2 * requests + 3 * (took.count() + 1));
}

TEST_CASE("a worker that breaks off under load costs no idempotent request its answer") {
  std::atomic<bool> dead{false};
  Origin mortal([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      if (dead) return;
      socket.send(ok("x"));
    }
  });
  Origin healthy(always(ok("x")));
  Gateway gateway({mortal.port(), healthy.port()});
  std::vector<RawSocket> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(gateway.connect());
  for (int round = 0; round < 40; ++round) {
    dead = round >= 20;
    for (auto& client : clients) client.send(get("/"));
    for (auto& client : clients) REQUIRE(read_response(client).status() == 200);
  }
}

}  // namespace tandem::test::bad_workers_test
