// Calls of gRPC without a deadline, whose clients ask by PINGs whether they are still served
// (keepalive): they are waited with as long as they ask.
#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::grpc_keepalive_test {

using namespace std::chrono_literals;

namespace {

h2::Fields call(std::string_view method) {
  return {{":method", "POST"}, {":scheme", "http"}, {":path", "/a.B/" + std::string(method)},
          {":authority", "a"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
}

constexpr auto answer_head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2\r\nhi\r\n";
constexpr auto answer_end = "3\r\nyou\r\n0\r\ngrpc-status: 0\r\n\r\n";

// Pings, no more often than is borne, until it is told that others without PINGs were given up.
void ping_until(H2Client& client, const std::atomic<bool>& told) {
  while (!told) {
    client.await_pong();
    std::this_thread::sleep_for(50ms);
  }
}

}  // namespace

TEST_CASE("gRPC: a call whose client pings may be answered later than a time-out says") {
  std::atomic<bool> may_answer{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    const auto request = self.receive(socket);
    if (request.start_line().find("/pinged") == std::string::npos) {
      socket.wait_for_hang_up();
      return;
    }
    wait_until([&] { return may_answer.load(); });
    socket.send(std::string(answer_head) + answer_end);
  });
  Gateway gateway({origin.port()}, {.timeouts = {.response_head = 300ms}});
  H2Client pinging(gateway.port());
  const auto pinged = pinging.ask_with(call("pinged"), std::string(5, '\0'));
  pinging.await_pong();
  std::atomic<bool> silent_ended{false};
  std::string silent_status;
  std::thread silent([&] {
    H2Client client(gateway.port());
    silent_status =
        client.finish(client.ask_with(call("silent"), std::string(5, '\0'))).field("grpc-status");
    silent_ended = true;
  });
  ping_until(pinging, silent_ended);
  silent.join();
  CHECK(silent_status == "4");
  may_answer = true;
  const auto& answer = pinging.finish(pinged);
  CHECK(answer.body == "hiyou");
  CHECK(answer.trailers == h2::Fields{{"grpc-status", "0"}});
}

TEST_CASE("gRPC: a conversation in which nobody speaks lasts as long as its client pings") {
  std::atomic<bool> may_answer{false};
  Origin origin([&](Origin&, RawSocket& socket) {
    const auto head = socket.read_until("\r\n\r\n");
    socket.send(answer_head);
    if (head.find("/pinged") == head.npos) {
      socket.wait_for_hang_up();
      return;
    }
    wait_until([&] { return may_answer.load(); });
    socket.send(answer_end);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.tunnel_idle = 300ms}});
  H2Client pinging(gateway.port());
  const auto pinged = pinging.ask(call("pinged"), false);
  pinging.body_of(pinged, 2);
  pinging.await_pong();
  std::atomic<bool> silent_ended{false};
  bool silent_is_whole = true;
  std::thread silent([&] {
    H2Client client(gateway.port());
    const auto& answer = client.finish(client.ask(call("silent"), false));
    silent_is_whole = answer.trailers == h2::Fields{{"grpc-status", "0"}};
    silent_ended = true;
  });
  ping_until(pinging, silent_ended);
  silent.join();
  CHECK_FALSE(silent_is_whole);
  may_answer = true;
  const auto& answer = pinging.finish(pinged);
  CHECK(answer.body == "hiyou");
  CHECK(answer.trailers == h2::Fields{{"grpc-status", "0"}});
}

TEST_CASE("gRPC: PINGs to a standby keep a call at the primary, which does not see them") {
  std::atomic<bool> may_answer{false};
  Origin origin([&](Origin&, RawSocket& socket) {
    const auto head = socket.read_until("\r\n\r\n");
    socket.send(answer_head);
    if (head.find("/pinged") == head.npos) {
      socket.wait_for_hang_up();
      return;
    }
    wait_until([&] { return may_answer.load(); });
    socket.send(answer_end);
    socket.wait_for_hang_up();
  });
  const master::ForwardTimeouts timeouts{.tunnel_idle = 300ms};
  Gateway primary({origin.port()}, {.timeouts = timeouts, .node = "a", .pass = "pass-of-a"});
  Gateway standby({origin.port()}, {.timeouts = timeouts, .node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  H2Client pinging(standby.port());
  const auto pinged = pinging.ask(call("pinged"), false);
  pinging.body_of(pinged, 2);
  pinging.await_pong();
  std::atomic<bool> silent_ended{false};
  std::thread silent([&] {
    // One after the other, so that the pinged one has lasted for more than one time-out.
    for (int i = 0; i < 2; ++i) {
      H2Client client(standby.port());
      client.finish(client.ask(call("silent"), false));
    }
    silent_ended = true;
  });
  ping_until(pinging, silent_ended);
  silent.join();
  may_answer = true;
  const auto& answer = pinging.finish(pinged);
  CHECK(answer.body == "hiyou");
  CHECK(answer.trailers == h2::Fields{{"grpc-status", "0"}});
}

TEST_CASE("gRPC: a call through a standby whose client does not ping is given up") {
  std::atomic<int> hung_up{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
    ++hung_up;
  });
  const master::ForwardTimeouts timeouts{
      .response_head = 100ms, .queue_wait = 100ms, .tunnel_idle = 300ms};
  Gateway primary({origin.port()}, {.timeouts = timeouts, .node = "a", .pass = "pass-of-a"});
  Gateway standby({origin.port()}, {.timeouts = timeouts, .node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  H2Client client(standby.port());
  const auto stream = client.ask_with(call("silent"), std::string(5, '\0'));
  CHECK(client.finish(stream).field("grpc-status") == "4");
  // And so is its worker, by the primary.
  wait_until([&] { return hung_up == 1; });
}

TEST_CASE(
    "gRPC: a client that pings no more is not waited with for ever, nor one with a deadline") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.response_head = 100ms, .tunnel_idle = 300ms}});
  H2Client client(gateway.port());
  const auto first = client.ask_with(call("first"), std::string(5, '\0'));
  client.await_pong();
  CHECK(client.finish(first).field("grpc-status") == "4");
  auto bounded = call("second");
  bounded.push_back({"grpc-timeout", "200m"});
  const auto second = client.ask_with(bounded, std::string(5, '\0'));
  client.await_pong();
  CHECK(client.finish(second).field("grpc-status") == "4");
}

}  // namespace tandem::test::grpc_keepalive_test
