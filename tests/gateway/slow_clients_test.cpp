// Clients that send or take a body slowly: what they hold, when they are cut off, and that no
// worker is blamed.
#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include "gateway.hpp"
#include "steady_reader.hpp"

namespace tandem::test::slow_clients_test {

using namespace std::chrono_literals;
using tandem::master::ForwardTimeouts;

namespace {

constexpr auto chunked_post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr auto chunked_put = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string post_of(std::size_t bytes, const std::string& fields = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "Content-Length: " + std::to_string(bytes) +
         "\r\n\r\n";
}

Origin::Script echo() {
  return [](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).body));
  };
}

// Answers with so many bytes.
Origin::Script large(std::size_t bytes) {
  return [bytes](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.try_send(ok(std::string(bytes, 'x')));
  };
}

// More than the buffers of sockets hold.
constexpr std::size_t pieces = 160;
constexpr std::size_t bytes = 65'536;

// A byte now and then, until the gateway answers.
void trickle(RawSocket& client) {
  while (client.stays_silent(10) && client.try_send("x")) {
  }
}

}  // namespace

TEST_CASE("clients that send a chunk of a body and wait hold no worker") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.connections = 2});
  std::vector<RawSocket> clients;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(gateway.connect());
    clients.back().send(std::string(chunked_post) + "5\r\nhello\r\n");
  }
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(origin.connection_count() == 1);
  for (auto& client : clients) client.send("0\r\n\r\n");
  for (auto& client : clients) CHECK(read_response(client).status() == 200);
}

TEST_CASE("a short chunked body reaches the worker as one chunk, and the next request follows") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(ok(socket.read_until("0\r\nX-Sum: 1\r\n\r\n")));
    socket.read_until("\r\n\r\n");
    socket.send(ok("next"));
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  std::string body;
  for (int i = 0; i < 20; ++i) body += "00001;name=value\r\nx\r\n";
  client.send(chunked_post + body + "0\r\nX-Sum: 1\r\nHost: b\r\n\r\n" + get("/"));
  CHECK(read_response(client).body ==
        "14\r\n" + std::string(20, 'x') + "\r\n0\r\nX-Sum: 1\r\n\r\n");
  CHECK(read_response(client).body == "next");
}

TEST_CASE("a short chunked body is sent again where its method allows it") {
  Origin broken([](Origin& self, RawSocket& socket) { self.receive(socket); });
  Origin well(echo());
  for (const auto* request : {chunked_put, chunked_post}) {
    Gateway gateway({broken.port(), well.port()},
                    {.policy = tandem::wire::PolicyName::first_available, .forgives = true});
    const auto answer = gateway.ask(std::string(request) + "5\r\nhello\r\n0\r\n\r\n");
    if (request == chunked_put) {
      CHECK(answer.body == "hello");
    } else {
      CHECK(answer.status() == 502);
    }
  }
}

TEST_CASE("a chunked body that is broken or too long never gets as far as a worker") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.body_bytes_max = 10});
  CHECK(gateway.ask(std::string(chunked_post) + "x\r\n").status() == 400);
  CHECK(gateway.ask(std::string(chunked_post) + "b\r\nhello world\r\n0\r\n\r\n").status() == 413);
  CHECK(origin.connection_count() == 0);
  CHECK(gateway.ask(std::string(chunked_post) + "a\r\nhelloworld\r\n0\r\n\r\n").status() == 200);
}

TEST_CASE("a client that sends its body below the least rate is answered 408, without blame") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.timeouts = {.pace = {.bytes_per_s = 10'000, .grace = 200ms}}});
  for (const std::size_t bytes : {1'000, 1'000'000}) {  // gathered, and streamed
    INFO(bytes);
    auto client = gateway.connect();
    client.send(post_of(bytes));
    trickle(client);
    CHECK(read_response(client).status() == 408);
    CHECK(client.closes());
  }
  CHECK(gateway.reported_failures() == 0);
  CHECK(gateway.counters(0).failures == 0);
  CHECK(gateway.counters(0).in_flight == 0);
}

TEST_CASE("a limit on the time for a whole body holds however fast it comes") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.timeouts = {.pace = {.whole = 200ms}}});
  auto client = gateway.connect();
  client.send(post_of(1'000'000));
  trickle(client);
  CHECK(read_response(client).status() == 408);
}

TEST_CASE("what was quick before pays for a pause") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.timeouts = {.pace = {.bytes_per_s = 10'000, .grace = 100ms}}});
  auto client = gateway.connect();
  const std::string half(50'000, 'x');
  client.send(post_of(2 * half.size()) + half);
  CHECK(client.stays_silent(400));
  client.send(half);
  CHECK(read_response(client).body.size() == 2 * half.size());
}

TEST_CASE("a client that takes its answer below the least rate is cut, without blame") {
  Origin origin(large(100'000'000));
  Gateway gateway(
      {origin.port()},
      {.timeouts = {.body_idle = 2s, .pace = {.bytes_per_s = 100'000'000, .grace = 500ms}}});
  auto client = gateway.connect();
  client.send(get("/"));
  bool cut = false;
  try {
    SteadyReader().read(client, 1'000, 20'000, 10ms);
  } catch (const std::exception&) {
    cut = true;
  }
  wait_until([&] { return gateway.plane().client_connections() == 0; });
  CHECK(cut);
  CHECK(gateway.reported_failures() == 0);
  CHECK(gateway.counters(0).failures == 0);
  wait_until([&] { return gateway.counters(0).in_flight == 0; });
}

TEST_CASE("a steady reader is not cut, however long the socket's buffer is full") {
  constexpr auto patience = 300ms;
  Origin origin(large(pieces * bytes));
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = patience}});
  CHECK(holds_at_a_steady_pace(patience, [&](SteadyReader& reader) {
    auto client = gateway.connect();
    client.send(get("/"));
    client.read_until("\r\n\r\n");
    reader.read(client, pieces, bytes, 25ms);
    client.send(get("/"));
    client.read_until("\r\n\r\n");
    return true;
  }));
}

TEST_CASE("a worker that takes an upload slowly is waited for as long as it takes something") {
  constexpr auto patience = 300ms;
  CHECK(holds_at_a_steady_pace(patience, [&](SteadyReader& reader) {
    Origin origin([&](Origin&, RawSocket& socket) {
      socket.read_until("\r\n\r\n");
      reader.read(socket, pieces, bytes, 25ms);
      socket.send(ok("taken"));
      socket.read_to_end();
    });
    Gateway gateway({origin.port()},
                    {.timeouts = {.body_idle = patience, .pace = {.bytes_per_s = 1'000'000'000}}});
    auto client = gateway.connect();
    client.send(post_of(pieces * bytes) + std::string(pieces * bytes, 'x'));
    return read_response(client).body == "taken";
  }));
}

TEST_CASE(
    "who waits for 100 Continue is not blamed, and a silent worker is answered for with 504") {
  Origin slow([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    CHECK(socket.stays_silent(600));
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    socket.send(ok(socket.read_exactly(5)));
    socket.read_to_end();
  });
  const tandem::master::BodyPaceLimits pace{.bytes_per_s = 10'000, .grace = 100ms};
  {
    Gateway gateway({slow.port()}, {.timeouts = {.body_idle = 100ms, .pace = pace}});
    auto client = gateway.connect();
    client.send(post_of(5, "Expect: 100-continue\r\n"));
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    client.send("hello");
    CHECK(read_response(client).body == "hello");
  }
  Origin silent([](Origin&, RawSocket& socket) { socket.read_to_end(); });
  Gateway gateway({silent.port()},
                  {.timeouts = {.body_idle = 50ms, .response_head = 300ms, .pace = pace}});
  CHECK(gateway.ask(post_of(5, "Expect: 100-continue\r\n")).status() == 504);
}

TEST_CASE("a client that was told to go on and does not is answered 408, without blame") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 100ms}});
  auto client = gateway.connect();
  client.send(post_of(5, "Expect: 100-continue\r\n"));
  client.read_until("\r\n\r\n");
  CHECK(read_response(client).status() == 408);
  CHECK(gateway.counters(0).failures == 0);
}

TEST_CASE("a body after 100 Continue has its own time, and the worker its own after it") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    socket.send(ok(socket.read_exactly(10)));
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 400ms, .response_head = 400ms}});
  auto client = gateway.connect();
  client.send(post_of(10, "Expect: 100-continue\r\n"));
  client.read_until("\r\n\r\n");
  for (const char c : std::string("0123456789")) {
    CHECK(client.stays_silent(100));
    client.send({&c, 1});
  }
  CHECK(read_response(client).body == "0123456789");
}

}  // namespace tandem::test::slow_clients_test
