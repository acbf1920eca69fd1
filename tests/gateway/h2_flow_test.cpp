// RFC 9113 §5.2 and §6.9 at a gateway: windows of both sides.
#include <catch2/catch.hpp>

#include "h2_case.hpp"

namespace tandem::test::h2_flow_test {

using namespace std::chrono_literals;

namespace {

std::string initial_window(std::uint32_t bytes) {
  return h2::settings({{h2::initial_window_size, bytes}});
}

// A client that gives no credit by itself, before a worker that answers everything with `body`.
struct Flow {
  explicit Flow(std::uint32_t window, const std::string& body = "hello")
      : origin(always(ok(body))),
        gateway({origin.port()}),
        client(gateway.port(), {{h2::initial_window_size, window}}) {
    client.give_credit(false);
  }
  // What has come of the answer once all that was sent is done with.
  std::size_t arrived(std::int32_t stream) {
    client.await_pong();
    return client.answer(stream).body.size();
  }

  Origin origin;
  Gateway gateway;
  H2Client client;
};

}  // namespace

TEST_CASE("HTTP/2 §6.9.1: no more is sent than the stream's window has room for") {
  Flow flow(1);
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.body_of(stream, 1).body == "h");
  CHECK(flow.arrived(stream) == 1);
  flow.client.send(h2::window_update(stream, 2));
  CHECK(flow.client.body_of(stream, 3).body == "hel");
  CHECK(flow.arrived(stream) == 3);
  flow.client.send(h2::window_update(stream, 100));
  CHECK(flow.client.finish(stream).body == "hello");
}

TEST_CASE("HTTP/2 §6.5.3: of two values of a setting the last one counts") {
  Flow flow(65'535);
  flow.client.send(h2::settings({{h2::initial_window_size, 100}, {h2::initial_window_size, 1}}));
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.body_of(stream, 1).body == "h");
  CHECK(flow.arrived(stream) == 1);
}

TEST_CASE("HTTP/2 §6.9.2: a setting widens the windows of streams that are open") {
  Flow flow(0);
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.head_of(stream).status() == 200);
  CHECK(flow.arrived(stream) == 0);
  flow.client.send(initial_window(1));
  CHECK(flow.client.body_of(stream, 1).body == "h");
  CHECK(flow.arrived(stream) == 1);
}

TEST_CASE("HTTP/2 §6.9.2: a window below zero is made up for first") {
  Flow flow(3);
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.body_of(stream, 3).body == "hel");
  flow.client.send(initial_window(2) + h2::window_update(stream, 1));  // -1, then 0
  CHECK(flow.arrived(stream) == 3);
  flow.client.send(h2::window_update(stream, 1));
  CHECK(flow.client.body_of(stream, 4).body == "hell");
  CHECK(flow.arrived(stream) == 4);
}

TEST_CASE("HTTP/2 §6.9: WINDOW_UPDATE on a stream whose request has ended sends on") {
  Flow flow(0);
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.head_of(stream).status() == 200);
  flow.client.send(h2::priority(stream) + h2::window_update(stream, 5));
  CHECK(flow.client.finish(stream).body == "hello");
}

TEST_CASE("HTTP/2 §6.9.1: no more is sent than the connection's window has room for") {
  Flow flow(0x7fffffff, std::string(100'000, 'x'));
  const auto stream = flow.client.ask(h2::get());
  CHECK(flow.client.body_of(stream, 65'535).body.size() == 65'535);
  CHECK(flow.arrived(stream) == 65'535);
  flow.client.send(h2::window_update(0, 100'000));
  CHECK(flow.client.finish(stream).body.size() == 100'000);
}

TEST_CASE("HTTP/2 §6.9: heads and empty ends need no window") {
  Flow flow(0, "");
  CHECK(flow.client.finish(flow.client.ask(h2::get())).status() == 200);
}

TEST_CASE("HTTP/2 §5.2: a stream that may send nothing stops no other") {
  Flow flow(0);
  const auto stopped = flow.client.ask(h2::get());
  CHECK(flow.client.head_of(stopped).status() == 200);
  const auto other = flow.client.ask(h2::get());
  flow.client.send(h2::window_update(other, 5));
  CHECK(flow.client.finish(other).body == "hello");
  CHECK(flow.arrived(stopped) == 0);
}

TEST_CASE("HTTP/2 §6.9.1: content beyond our window ends the connection") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.connections = 1});
  H2Client client(gateway.port());
  client.ask(h2::get());
  wait_until([&] { return origin.request_count() == 1; });
  // The worker is taken: nobody takes the content beyond what is gathered.
  const auto stream = client.ask(h2::post(), false);
  // Some of it may be gathered and given credit for; not so much.
  try {
    for (int i = 0; i < 40; ++i) {
      client.send(h2::data(stream, std::string(16'384, 'x')));
      client.await_pong();
    }
  } catch (const std::runtime_error&) {  // the connection has ended
  }
  CHECK(client.finish() == h2::flow_control_error);
}

TEST_CASE("HTTP/2 §6.9.1: padding is given credit for as content is") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  // Three times the connection's window, a byte of content in each frame.
  const auto piece = "\xffx" + std::string(255, '\0');
  for (int i = 0; i < 20; ++i) {
    const auto stream = 2 * i + 1;
    std::string frames = h2::headers(stream, h2::block(h2::post()));
    for (int j = 0; j < 40; ++j) frames += h2::data(stream, piece, h2::padded);
    client.send(frames + h2::data(stream, "", h2::end_stream));
    CHECK(client.finish(stream).status() == 200);
  }
}

TEST_CASE("HTTP/2 §6.9.1: content of streams that were reset uses up nobody's window") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  for (int i = 0; i < 8; ++i) {
    const auto stream = 2 * i + 1;
    client.send(h2::headers(stream, h2::block(h2::post())) +
                h2::data(stream, std::string(16'384, 'x')) + h2::rst_stream(stream, h2::cancel));
  }
  const auto last = h2::headers(101, h2::block(h2::post()));
  client.send(last + h2::data(101, std::string(16'384, 'x'), h2::end_stream));
  CHECK(client.finish(101).status() == 200);
}

}  // namespace tandem::test::h2_flow_test
