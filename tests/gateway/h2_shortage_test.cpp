// Clients of HTTP/2 when memory, places or patience run out: who yields, and what the others are
// told.
#include <catch2/catch.hpp>

#include <memory>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::h2_shortage_test {

using namespace std::chrono_literals;

namespace {

using Clients = std::vector<std::unique_ptr<H2Client>>;

// Each has been answered and asks for nothing.
Clients idle_clients(const Gateway& gateway, int count) {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<H2Client>(gateway.port()));
    REQUIRE(clients.back()->get("/").status() == 200);
  }
  return clients;
}

// Each has sent so much of 60,000 bytes.
Clients senders(const Gateway& gateway, int count, std::size_t sent) {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<H2Client>(gateway.port()));
    clients.back()->send(h2::headers(1, h2::block(h2::post({{"content-length", "60000"}}))) +
                         h2::data(1, std::string(sent, 'x')));
  }
  return clients;
}

constexpr std::size_t kib = 1024;

}  // namespace

TEST_CASE("HTTP/2: without memory new requests are refused with 503, and those under way served") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = 1024 * kib});
  auto clients = senders(gateway, 20, 10'000);
  // More of them, until nothing is left.
  wait_until([&] {
    clients.push_back(std::move(senders(gateway, 1, 10'000).front()));
    H2Client late(gateway.port());
    const auto answer = late.get("/");
    if (answer.status() == 200) return false;
    CHECK(answer.status() == 503);
    CHECK(answer.body.find("out_of_memory") != std::string::npos);
    CHECK(answer.field("retry-after") == "1");
    CHECK(answer.ended);
    return true;
  });
  clients.resize(10);
  wait_until([&] { return gateway.plane().client_connections() == 10; });
  for (auto& client : clients) {
    for (int left = 50'000; left > 0; left -= 10'000) {
      client->send(
          h2::data(1, std::string(10'000, 'x'), left == 10'000 ? h2::end_stream : h2::no_flags));
    }
    CHECK(client->finish(1).status() == 200);
  }
}

TEST_CASE("HTTP/2: idle clients are told to go when memory is scarce") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = 1024 * kib});
  auto idle = idle_clients(gateway, 40);
  auto busy = senders(gateway, 20, 1'000);
  wait_until([&] {
    if (gateway.plane().memory_in_use() < 900 * kib) {
      busy.push_back(std::move(senders(gateway, 1, 1'000).front()));
    }
    H2Client(gateway.port()).get("/");
    return gateway.plane().client_connections() < busy.size() + 30;
  });
  CHECK(idle[0]->finish() == h2::no_error);
  CHECK(H2Client(gateway.port()).get("/").status() == 200);
  for (auto& client : busy) client->await_pong();
}

TEST_CASE("HTTP/2: clients that say nothing do not keep others out") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.client_connections_max = 3});
  auto idle = idle_clients(gateway, 3);
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(idle[0]->finish() == h2::no_error);
}

TEST_CASE("HTTP/2: a refusal that its client does not take is given up") {
  Gateway gateway(std::vector<std::uint16_t>{}, {.timeouts = {.body_idle = 200ms}});
  H2Client client(gateway.port(), {{h2::initial_window_size, 0}});
  auto fields = h2::get();
  for (int i = 0; i < 100; ++i) fields.emplace_back("x-a", "b");
  const auto stream = client.ask(fields);
  CHECK(client.head_of(stream).status() == 431);
  CHECK(client.finish(stream).reset == h2::cancel);
  client.await_pong();
}

TEST_CASE("HTTP/2: an answer of this master that its client does not take is given up") {
  Gateway gateway(std::vector<std::uint16_t>{}, {.timeouts = {.body_idle = 200ms}});
  H2Client client(gateway.port(), {{h2::initial_window_size, 0}});
  const auto stream = client.ask(h2::get());
  CHECK(client.head_of(stream).status() == 503);
  CHECK(client.finish(stream).reset.has_value());
  client.await_pong();
}

TEST_CASE("HTTP/2: an answer of a worker that its client does not take is given up") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 200ms}});
  H2Client client(gateway.port(), {{h2::initial_window_size, 3}});
  client.give_credit(false);
  const auto stream = client.ask(h2::get());
  CHECK(client.body_of(stream, 3).body == "hel");
  const auto& answer = client.finish(stream);
  CHECK(answer.reset.has_value());
  CHECK_FALSE(answer.ended);
  client.await_pong();
}

TEST_CASE("HTTP/2: a gigabyte before a slow reader takes less than a megabyte of memory") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    const std::string piece(100'000, 'x');
    while (socket.try_send(piece)) {
    }
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.give_credit(false);
  const auto stream = client.ask(h2::get());
  std::size_t taken = 0;
  for (int i = 0; i < 40; ++i) {
    taken = client.body_of(stream, taken + 30'000).body.size();
    CHECK(gateway.plane().memory_in_use() < 1024 * kib);
    client.send(h2::window_update(0, 30'000) + h2::window_update(stream, 30'000));
  }
  CHECK(taken > 1'000'000);
}

TEST_CASE("HTTP/2: 502 and 504 are documents of their streams, and the others go on") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto line = self.receive(socket).start_line();
      if (line.find("/closes") != line.npos) return;
      if (line.find("/nonsense") != line.npos) return socket.send("HTTP/9.9 what\r\n\r\n");
      if (line.find("/silent") != line.npos) return socket.wait_for_hang_up();
      socket.send(ok("well"));
    }
  });
  Gateway gateway({origin.port()}, {.timeouts = {.response_head = 300ms}});
  H2Client client(gateway.port());
  const auto silent = client.ask(h2::get_with(":path", "/silent"));
  for (const auto* path : {"/closes", "/nonsense"}) {
    const auto answer = client.get(path);
    CHECK(answer.status() == 502);
    CHECK(answer.field("content-type") == "application/json");
    CHECK(answer.body.find("bad_gateway") != std::string::npos);
  }
  CHECK(client.get("/").body == "well");
  const auto& late = client.finish(silent);
  CHECK(late.status() == 504);
  CHECK(late.body.find("gateway_timeout") != std::string::npos);
  CHECK(late.ended);
}

}  // namespace tandem::test::h2_shortage_test
