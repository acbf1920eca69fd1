// A request of HTTP/2 that is answered before all of it has come (RFC 9113 §8.1): the answer is a
// real one, the client may send on, and only when it pauses is the stream reset.
#include <catch2/catch.hpp>

#include <vector>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_early_answers_test {

using namespace std::chrono_literals;

namespace {

// An upload of a megabyte, of which 16 KB are sent.
class Upload {
 public:
  explicit Upload(const Gateway& gateway, const h2::Fields& more = {})
      : socket_(gateway.connect()) {
    auto fields = h2::post({{"content-length", "1000000"}});
    fields.insert(fields.end(), more.begin(), more.end());
    socket_.send(std::string(h2::preface) + h2::settings() + h2::headers(1, h2::block(fields)) +
                 h2::data(1, std::string(16'000, 'x')));
  }

  // What comes on the stream, up to and including a frame of that type on any stream.
  std::vector<h2::Frame> until(std::uint8_t type) {
    std::vector<h2::Frame> frames;
    for (;;) {
      auto frame = read_frame(socket_);
      if (frame.type == h2::headers_type) status_ = decoder_.decode(frame.payload).at(0).second;
      if (frame.stream == 1 && frame.type != h2::window_update_type) frames.push_back(frame);
      if (frame.type == type && !frame.has(h2::ack)) return frames;
    }
  }
  // The answer and its end; the reset when no more comes.
  void check_answered(const std::string& status) {
    const auto frames = until(h2::rst_stream_type);
    CHECK(status_ == status);
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].type == h2::headers_type);
    CHECK(frames[1].type == h2::data_type);
    CHECK(frames[1].has(h2::end_stream));
    CHECK(frames[2].number() == h2::no_error);
  }

 private:
  RawSocket socket_;
  h2::Decoder decoder_;
  std::string status_;
};

// Takes the head and the beginning of the content.
void take_some(RawSocket& socket) {
  socket.read_until("\r\n\r\n");
  socket.read_exactly(10'000);
}

}  // namespace

TEST_CASE("HTTP/2: an upload whose worker is killed is answered 502, then reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    take_some(socket);
    socket.reset();
  });
  Gateway gateway({origin.port()});
  Upload(gateway).check_answered("502");
}

TEST_CASE("HTTP/2: an upload whose worker of HTTP/2 is killed is answered 502, then reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    worker.await_request();
    worker.await(h2::data_type);
    socket.reset();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  Upload(gateway).check_answered("502");
}

TEST_CASE("HTTP/2: an upload whose worker takes nothing is answered 504, then reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::initial_window_size, 0}});
    worker.drain();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2", "idle_timeout=100ms"});
  gateway.settle();
  Upload(gateway).check_answered("504");
}

TEST_CASE("HTTP/2: an upload that stops is answered 408, then reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    take_some(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  gateway.set({"idle_timeout=100ms"});
  gateway.settle();
  Upload(gateway).check_answered("408");
}

TEST_CASE("HTTP/2: an upload that is too large is answered 413, then reset") {
  Origin origin(always(ok("never asked")));
  Gateway gateway({origin.port()}, {.body_bytes_max = 100'000});
  Upload(gateway).check_answered("413");
  CHECK(origin.connection_count() == 0);
}

TEST_CASE("HTTP/2: an upload that its worker refuses half-way gets that answer, then the reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    take_some(socket);
    socket.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  Upload(gateway).check_answered("403");
}

TEST_CASE("HTTP/2: an upload that succeeds half-way is answered, and reset at once") {
  Origin origin([](Origin&, RawSocket& socket) {
    take_some(socket);
    socket.send(ok("enough"));
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  Upload(gateway).check_answered("200");
}

TEST_CASE("HTTP/2: a client whose request fails early may send all of it, and is not reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    take_some(socket);
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::post({{"content-length", "5000000"}}), false);
  client.send_body(stream, std::string(5'000'000, 'x'));
  CHECK(client.finish(stream).body == "no");
  client.await_pong();
  CHECK_FALSE(client.answer(stream).reset);
}

TEST_CASE("HTTP/2: an upload that ends after its answer is not reset") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    socket.read_exactly(10'000);
    socket.reset();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::post({{"expect", "100-continue"}}), false);
  client.send(h2::data(stream, std::string(16'000, 'x')));
  CHECK(client.finish(stream).status() == 502);
  client.send(h2::data(stream, "the last", h2::end_stream));
  client.await_pong();
  client.await_pong();
  CHECK_FALSE(client.answer(stream).reset);
}

TEST_CASE("HTTP/2: a client that waits to be told to send gets its answer, and no reset with it") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(ok("not needed"));
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream =
      client.ask(h2::post({{"expect", "100-continue"}, {"content-length", "3"}}), false);
  CHECK(client.finish(stream).body == "not needed");
  client.await_pong();
  client.await_pong();
  CHECK_FALSE(client.answer(stream).reset);
  CHECK(client.reset_of(stream) == h2::no_error);
}

TEST_CASE("HTTP/2: many uploads that fail together are told so, each, and others go on") {
  Origin origin([](Origin& self, RawSocket& socket) {
    const auto head = socket.read_until("\r\n\r\n");
    if (head.starts_with("GET")) {
      socket.send(ok("well"));
      self.receive(socket);
      return;
    }
    socket.read_exactly(100);
    socket.reset();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(client.ask(h2::post({{"content-length", "1000000"}}), false));
    client.send(h2::data(streams.back(), std::string(1'000, 'x')));
  }
  for (const auto stream : streams) {
    CHECK(client.finish(stream).status() == 502);
    CHECK(client.reset_of(stream) == h2::no_error);
  }
  CHECK(client.get("/").body == "well");
}

}  // namespace tandem::test::h2_early_answers_test
