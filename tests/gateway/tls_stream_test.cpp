// What goes over TLS, both ways: requests, bodies, tunnels, and how connections end.
#include <algorithm>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::tls_stream_test {

using namespace std::chrono_literals;

namespace {

Gateway::Options with_tls(Gateway::Options options = {}) {
  options.certificates = some_certificate();
  return options;
}

// Bytes that are not alike anywhere.
std::string patterned(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (auto& byte : bytes) {
    state = state * 1'664'525u + 1'013'904'223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

H2Client http2_over(TlsClient& client) {
  CHECK(client.protocol() == "h2");
  return H2Client(client.take_socket());
}

const TlsClient::Options for_http2{.protocols = {"h2"}};

}  // namespace

TEST_CASE("a worker is told that its client came by https, and to which port") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  client.socket().send(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 7\r\n\r\n");
  CHECK(read_response(client.socket()).status() == 200);
  TlsClient second(gateway.tls_port(), for_http2);
  auto http2 = http2_over(second);
  CHECK(http2.get("/").status() == 200);
  CHECK(gateway.ask(get("/")).status() == 200);
  const auto requests = origin.requests();
  REQUIRE(requests.size() == 3);
  for (const std::size_t secure : {0u, 1u}) {
    CHECK(requests[secure].field("X-Forwarded-Proto") == "https");
    CHECK(requests[secure].field("X-Forwarded-Port") == std::to_string(gateway.tls_port()));
  }
  CHECK(requests[2].field("X-Forwarded-Proto") == "http");
  CHECK(requests[2].field("X-Forwarded-Port") == std::to_string(gateway.port()));
}

TEST_CASE("what a client says in :scheme is not what it came by") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port(), for_http2);
  auto secure = http2_over(client);
  H2Client plain(gateway.port());
  for (auto* http2 : {&secure, &plain}) {
    for (const auto* scheme : {"http", "https"}) {
      const auto stream = http2->ask(
          {{":method", "GET"}, {":scheme", scheme}, {":authority", "a"}, {":path", "/"}});
      CHECK(http2->finish(stream).status() == 200);
    }
  }
  const auto requests = origin.requests();
  REQUIRE(requests.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(requests[i].field("X-Forwarded-Proto") == (i < 2 ? "https" : "http"));
  }
}

TEST_CASE("a trusted proxy is believed how its client came, or it came as the proxy did") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls({.trusted_proxies = {"127.0.0.0/8"}}));
  TlsClient client(gateway.tls_port());
  client.socket().send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\n\r\n");
  read_response(client.socket());
  client.socket().send(get("/"));
  read_response(client.socket());
  const auto requests = origin.requests();
  CHECK(requests.at(0).field("X-Forwarded-Proto") == "http");
  CHECK(requests.at(1).field("X-Forwarded-Proto") == "https");
}

TEST_CASE("the cookie by which a client sticks is Secure when it came by https") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls({.sticky = "seat"}));
  TlsClient client(gateway.tls_port());
  client.socket().send(get("/"));
  CHECK(read_response(client.socket()).field("Set-Cookie").find("; Secure") != std::string::npos);
  CHECK(gateway.ask(get("/")).field("Set-Cookie").find("Secure") == std::string::npos);
}

TEST_CASE("the first records of an answer fit into a packet each, and the last are long") {
  const std::string body(300'000, 'b');
  Origin origin(always(ok(body)));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  client.socket().send(get("/"));
  CHECK(read_response(client.socket()).body == body);
  const auto sizes = client.record_sizes();
  std::size_t total = 0;
  for (const auto size : sizes) {
    if (total < 32'000) CHECK(size < 1'450);
    total += size;
  }
  CHECK(*std::max_element(sizes.begin(), sizes.end()) > 8'000);
}

TEST_CASE("requests follow one another on a connection, also pipelined ones") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  for (int i = 0; i < 20; ++i) {
    client.socket().send(get("/"));
    CHECK(read_response(client.socket()).body == "hello");
  }
  std::string many;
  for (int i = 0; i < 100; ++i) many += get("/" + std::to_string(i));
  client.socket().send(many);
  for (int i = 0; i < 100; ++i) CHECK(read_response(client.socket()).body == "hello");
  CHECK(gateway.plane().client_connections() == 1);
}

TEST_CASE("large bodies arrive as they were sent, both ways, whatever the protocol") {
  const auto body = patterned(5'000'000);
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      socket.send(ok(request.body));
    }
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  std::thread sending([&] {
    client.socket().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  const auto answer = read_response(client.socket());
  sending.join();
  CHECK(answer.status() == 200);
  CHECK((answer.body == body));
  TlsClient second(gateway.tls_port(), for_http2);
  auto http2 = http2_over(second);
  const auto stream = http2.ask({{":method", "POST"},
                                 {":scheme", "https"},
                                 {":authority", "a"},
                                 {":path", "/"},
                                 {"content-length", std::to_string(body.size())}},
                                /*last=*/false);
  http2.send_body(stream, body);
  const auto& echoed = http2.finish(stream);
  CHECK(echoed.status() == 200);
  CHECK((echoed.body == body));
}

TEST_CASE("records that come byte by byte make whole requests") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()}, with_tls());
  for (const std::size_t segment : {1u, 3u}) {
    TlsClient client(gateway.tls_port(), {.segment = segment});
    client.socket().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n" +
                         std::string(300, 'x'));
    CHECK(read_response(client.socket()).body == "hello");
    CHECK(origin.requests().back().body == std::string(300, 'x'));
  }
}

TEST_CASE("a client that takes nothing holds up its worker, and takes no memory of others") {
  std::atomic<bool> blocked{false};
  constexpr std::size_t size = 64 << 20;
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    const std::string part(64 * 1024, 'x');
    for (std::size_t sent = 0; sent < size; sent += part.size()) {
      if (socket.try_send(part, 300)) continue;
      blocked = true;
      return;
    }
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port(), {.receive_buffer = 16 * 1024});
  client.socket().send(get("/"));
  client.socket().read_until("\r\n\r\n");
  wait_until([&] { return blocked.load(); });
  CHECK(gateway.plane().memory_in_use() < 4u << 20);
  client.socket().read_exactly(1 << 20);
}

TEST_CASE("bytes go both ways through an upgraded connection, and so does its end") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    for (;;) socket.send(socket.read_until("\n"));
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  client.socket().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  CHECK(read_response(client.socket()).status() == 101);
  for (int i = 0; i < 100; ++i) {
    const auto line = patterned(static_cast<std::size_t>(i) * 100) + "\n";
    std::string text(line);
    std::replace(text.begin(), text.end() - 1, '\n', ' ');
    client.socket().send(text);
    CHECK((client.socket().read_until("\n") == text));
  }
  client.socket().shutdown_send();
  client.socket().read_to_end();
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("who cuts a tunnel short has not ended it") {
  std::atomic<bool> ended{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    socket.read_until("all that there is, said the client");
    ended = true;
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port(), {.says_end = false});
  client.socket().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  CHECK(read_response(client.socket()).status() == 101);
  client.socket().send("all that there is");
  client.socket().shutdown_send();
  client.socket().read_to_end();
  wait_until([&] { return origin.open_count() == 0; });
  CHECK_FALSE(ended);
}

TEST_CASE("the end of a connection is said, unless an answer was not whole") {
  Origin origin([](Origin& self, RawSocket& socket) {
    const auto request = self.receive(socket);
    if (request.start_line().find("/broken") != std::string::npos) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
    } else {
      socket.send(ok("hello"));
    }
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient whole(gateway.tls_port());
  whole.socket().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(read_response(whole.socket()).body == "hello");
  CHECK(whole.socket().read_to_end().empty());
  CHECK_FALSE(whole.was_cut());
  TlsClient broken(gateway.tls_port());
  broken.socket().send(get("/broken"));
  broken.socket().read_to_end();
  wait_until([&] { return broken.was_cut(); });
}

TEST_CASE("a client that has said that it sends no more gets its answer") {
  std::atomic<bool> go{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("late"));
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port());
  client.socket().send(get("/"));
  client.socket().shutdown_send();
  // It is asked whether it is still there, by what it may ignore.
  CHECK(client.socket().read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  go = true;
  CHECK(read_response(client.socket()).body == "late");
}

TEST_CASE("a client that has gone is noticed while its worker works, and its worker is let go") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, with_tls());
  auto client = std::make_unique<TlsClient>(gateway.tls_port());
  client->socket().send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  client->reset();
  wait_until([&] { return gateway.plane().client_connections() == 0; });
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("a drain closes connections that wait, with a word, and lets the others finish") {
  std::atomic<bool> go{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      if (request.start_line().find("/slow") != std::string::npos) {
        wait_until([&] { return go.load(); });
      }
      socket.send(ok("done"));
    }
  });
  Gateway gateway({origin.port()}, with_tls());
  TlsClient idle(gateway.tls_port());
  idle.socket().send(get("/"));
  read_response(idle.socket());
  TlsClient second(gateway.tls_port(), for_http2);
  auto http2 = http2_over(second);
  CHECK(http2.get("/").status() == 200);
  TlsClient busy(gateway.tls_port());
  busy.socket().send(get("/slow"));
  wait_until([&] { return origin.request_count() == 3; });
  std::thread draining([&] { CHECK(gateway.plane().drain(10s)); });
  CHECK(idle.socket().read_to_end().empty());
  CHECK_FALSE(idle.was_cut());
  CHECK(http2.finish() == 0u);
  go = true;
  CHECK(read_response(busy.socket()).body == "done");
  CHECK(busy.socket().read_to_end().empty());
  CHECK_FALSE(busy.was_cut());
  draining.join();
}

TEST_CASE("who has agreed on HTTP/2 and speaks something else is closed") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient client(gateway.tls_port(), for_http2);
  client.socket().send(get("/") + get("/"));
  client.socket().read_to_end();
  CHECK(origin.request_count() == 0);
  wait_until([&] { return gateway.plane().client_connections() == 0; });
}

TEST_CASE("a bad record ends its connection, and no other") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with_tls());
  TlsClient good(gateway.tls_port());
  {
    // The handshake of one connection, and then bytes that no key has made.
    TlsClient bad(gateway.tls_port());
    bad.send_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
    bad.socket().read_to_end();
    CHECK(bad.was_cut());
  }
  good.socket().send(get("/"));
  CHECK(read_response(good.socket()).status() == 200);
}

TEST_CASE("certificates change under load without a failed handshake") {
  CertificateDirectory directory;
  const std::vector sets{load({directory.make("one", {"a.example"})}),
                         load({directory.make("two", {"a.example"})})};
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.threads = 2, .certificates = sets[0]});
  std::atomic<bool> stop{false};
  std::atomic<int> served{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      while (!stop) {
        try {
          TlsClient client(gateway.tls_port());
          client.socket().send(get("/"));
          ++(read_response(client.socket()).status() == 200 ? served : failed);
        } catch (const std::exception&) {
          ++failed;
        }
      }
    });
  }
  int swaps = 0;
  while (swaps < 200 || served < 50) {
    if (!gateway.plane().publish(sets[static_cast<std::size_t>(++swaps % 2)]).ok()) ++failed;
  }
  stop = true;
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
}

}  // namespace tandem::test::tls_stream_test
