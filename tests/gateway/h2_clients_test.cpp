// Clients that speak HTTP/2, in front of workers that speak HTTP/1.
#include <future>

#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::h2_clients_test {

using namespace std::chrono_literals;

namespace {

std::string bytes_of(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ";";
  text.resize(size);
  return text;
}

Origin::Script echo() {
  return [](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).body));
  };
}

constexpr std::uint32_t no_error = 0x0;
constexpr std::uint32_t internal_error = 0x2;

}  // namespace

TEST_CASE("HTTP/2: a request reaches its worker as HTTP/1.1, and the answer comes back") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto answer = client.get("/a?b", {{"x-mine", "1"}, {"cookie", "a=1"}, {"cookie", "b=2"}});
  CHECK(answer.status() == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.field("content-length") == "5");
  CHECK(answer.field("connection").empty());
  const auto request = origin.requests().at(0);
  CHECK(request.start_line() == "GET /a?b HTTP/1.1");
  CHECK(request.field("Host") == "a");
  CHECK(request.field("x-mine") == "1");
  CHECK(request.field("cookie") == "a=1; b=2");
  CHECK(request.field("Via").starts_with("2.0 "));
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.count("Transfer-Encoding") == 0);
}

TEST_CASE("HTTP/2: many requests at once on one connection, each with its own answer") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).start_line()));
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 100; ++i) {
    streams.push_back(client.ask(h2::get_with(":path", "/" + std::to_string(i))));
  }
  for (int i = 0; i < 100; ++i) {
    const auto& answer = client.finish(streams[static_cast<std::size_t>(i)]);
    CHECK(answer.status() == 200);
    CHECK(answer.body == "GET /" + std::to_string(i) + " HTTP/1.1");
  }
}

TEST_CASE("HTTP/2: bodies of every size around the buffers and windows arrive whole") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  for (const std::size_t size : {1, 16'383, 16'384, 65'535, 65'536, 65'537, 300'000, 3'000'000}) {
    INFO(size);
    const auto body = bytes_of(size);
    const auto stream = client.ask(h2::post(), false);
    client.send_body(stream, body);
    CHECK(client.finish(stream).body == body);
  }
}

TEST_CASE(
    "HTTP/2: a body that is here as a whole has a Content-Length, a streamed one is chunked") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto whole = client.ask_with(h2::post(), "hi");
  CHECK(client.finish(whole).body == "hi");
  CHECK(origin.requests().at(0).field("Content-Length") == "2");
  const auto streamed = client.ask(h2::post(), false);
  client.send_body(streamed, bytes_of(100'000));
  CHECK(client.finish(streamed).body == bytes_of(100'000));
  CHECK(origin.requests().at(1).field("Transfer-Encoding") == "chunked");
}

TEST_CASE("HTTP/2: a body that the head gives a length has it at the worker too") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::post({{"content-length", "5"}}), false);
  client.send(h2::data(stream, "he") + h2::data(stream, "llo", h2::end_stream));
  CHECK(client.finish(stream).body == "hello");
  CHECK(origin.requests().at(0).field("Content-Length") == "5");
  CHECK(origin.requests().at(0).count("Transfer-Encoding") == 0);
}

TEST_CASE("HTTP/2: a body of another length than the head says never reaches the worker as whole") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  for (const auto* length : {"4", "6"}) {
    INFO(length);
    H2Client client(gateway.port());
    const auto stream = client.ask(h2::post({{"content-length", length}}), false);
    client.send(h2::data(stream, "hello", h2::end_stream));
    CHECK(client.finish(stream).reset.has_value());
  }
  CHECK(origin.request_count() == 0);
}

TEST_CASE("HTTP/2: trailers go both ways") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
        "2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n");
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::post({{"te", "trailers"}}), false);
  client.send(h2::data(stream, "hi") +
              h2::headers(stream, h2::block({{"x-digest", "9"}}), h2::end_stream));
  const auto& answer = client.finish(stream);
  CHECK(answer.body == "hi");
  CHECK(answer.trailers == h2::Fields{{"x-sum", "7"}});
  const auto request = origin.requests().at(0);
  CHECK(request.body == "hi");
  CHECK(request.trailers == "x-digest: 9\r\n");
  CHECK(request.field("TE") == "trailers");
}

TEST_CASE("HTTP/2: HEAD, 204 and 304 have no content, and end with their head") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto line = self.receive(socket).start_line();
      if (line.find("/204") != line.npos) {
        socket.send("HTTP/1.1 204 No Content\r\n\r\n");
      } else if (line.find("/304") != line.npos) {
        socket.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
      } else {
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      }
    }
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto head = client.finish(client.ask(h2::get_with(":method", "HEAD")));
  CHECK(head.field("content-length") == "5");
  CHECK(head.body.empty());
  CHECK(client.get("/204").status() == 204);
  CHECK(client.get("/304").status() == 304);
}

TEST_CASE("HTTP/2: interim answers are passed on, and 100-continue is waited for") {
  Origin origin([](Origin& self, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    CHECK(socket.read_exactly(2) == "hi");
    socket.send(ok("done"));
    (void)self;
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream =
      client.ask(h2::post({{"expect", "100-continue"}, {"content-length", "2"}}), false);
  client.interim_of(stream, 2);
  client.send(h2::data(stream, "hi", h2::end_stream));
  const auto& answer = client.finish(stream);
  CHECK(answer.interim.size() == 2);
  CHECK(answer.body == "done");
}

TEST_CASE("HTTP/2: an answer that breaks off is never ended as complete") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto& answer = client.finish(client.ask(h2::get()));
  CHECK_FALSE(answer.ended);
  CHECK(answer.reset == internal_error);
}

TEST_CASE("HTTP/2: an answer that breaks off hurts no other stream") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto line = self.receive(socket).start_line();
      if (line.find("/broken") != line.npos) {
        socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz");
        return;
      }
      socket.send(ok("well"));
    }
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto broken = client.ask(h2::get_with(":path", "/broken"));
  const auto well = client.ask(h2::get());
  CHECK(client.finish(broken).status() == 502);
  CHECK(client.finish(well).body == "well");
  CHECK(client.get("/").body == "well");
}

TEST_CASE("HTTP/2: errors of this master are real answers") {
  Gateway gateway(std::vector<std::uint16_t>{});
  H2Client client(gateway.port());
  const auto answer = client.get("/");
  CHECK(answer.status() == 503);
  CHECK(answer.body.find("no_worker") != std::string::npos);
  CHECK(answer.field("retry-after") == "1");
  CHECK(answer.ended);
}

TEST_CASE("HTTP/2: an answer before the end of the request asks the client to stop") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.body_bytes_max = 10});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::post({{"content-length", "100"}}), false);
  const auto& answer = client.finish(stream);
  CHECK(answer.status() == 413);
  CHECK(answer.ended);
  CHECK(client.reset_of(stream) == no_error);
  client.get("/");  // the connection goes on
}

TEST_CASE("HTTP/2: a client that withdraws its request frees the worker at once") {
  std::atomic<int> hung_up{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
    ++hung_up;
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::get());
  wait_until([&] { return origin.request_count() == 1; });
  client.send(h2::rst_stream(stream, 0x8));
  wait_until([&] { return hung_up == 1; });
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("HTTP/2: a request that waits for room leaves the queue when it is withdrawn") {
  std::atomic<bool> answers{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      wait_until([&] { return answers.load(); });
      socket.send(ok("x"));
    }
  });
  Gateway gateway({origin.port()}, {.connections = 1});
  H2Client client(gateway.port());
  const auto first = client.ask(h2::get());
  wait_until([&] { return origin.request_count() == 1; });
  const auto second = client.ask(h2::get());
  wait_until([&] { return gateway.waiting() == 1; });
  client.send(h2::rst_stream(second, 0x8));
  wait_until([&] { return gateway.waiting() == 0; });
  answers = true;
  CHECK(client.finish(first).body == "x");
}

TEST_CASE("HTTP/2: what a slow client does not take is not taken from the worker") {
  std::atomic<std::size_t> sent{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string piece(100'000, 'x');
    for (int i = 0; i < 1000; ++i) {
      if (!socket.try_send(piece, 300)) break;
      sent += piece.size();
    }
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.give_credit(false);
  const auto stream = client.ask(h2::get());
  CHECK(client.body_of(stream, 65'535).body.size() == 65'535);
  // The kernel's buffers take some megabytes, nobody else any.
  CHECK(sent < 30'000'000);
}

TEST_CASE("HTTP/2: a client that is told to go finishes what it has begun") {
  std::atomic<bool> answers{false};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return answers.load(); });
    socket.send(ok("in time"));
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::get());
  wait_until([&] { return origin.request_count() == 1; });
  auto draining = std::async(std::launch::async, [&] { return gateway.plane().drain(10s); });
  CHECK(client.await_goaway().back().number(0) == 0x7fffffff);
  CHECK(client.await_goaway().back().number(0) == static_cast<std::uint32_t>(stream));
  answers = true;
  CHECK(client.finish(stream).body == "in time");
  CHECK(client.finish() == no_error);
  CHECK(draining.get());
}

TEST_CASE("HTTP/2: an idle client is told to go, and closed, when its time is over") {
  Gateway gateway(std::vector<std::uint16_t>{}, {.timeouts = {.client_idle = 200ms}});
  H2Client client(gateway.port());
  CHECK(client.finish() == no_error);
}

TEST_CASE("HTTP/2: frames that ask for nothing keep nobody here") {
  Gateway gateway(std::vector<std::uint16_t>{}, {.timeouts = {.client_idle = 300ms}});
  H2Client client(gateway.port());
  // A head that does not end.
  client.send(h2::frame(h2::headers_type, h2::no_flags, 1, h2::block(h2::get())));
  CHECK(client.finish().has_value());
}

TEST_CASE("HTTP/2: a head that does not end is given up although another request is served") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.header_read = 200ms}});
  for (const auto& beginning :
       {h2::open_headers(3, h2::block(h2::get())),
        h2::headers(3, h2::block(h2::get()), h2::end_stream).substr(0, 20),
        h2::open_headers(3, h2::block(h2::get())) + h2::continuation(3, "")}) {
    H2Client client(gateway.port());
    const auto before = origin.request_count();
    client.ask(h2::get());
    wait_until([&] { return origin.request_count() > before; });
    client.await_pong();  // what it has to acknowledge it has
    client.send(beginning);
    CHECK(client.finish() == h2::enhance_your_calm);
  }
}

TEST_CASE("HTTP/2: half a preface is waited for as long as a head, and no longer") {
  Gateway gateway(std::vector<std::uint16_t>{}, {.timeouts = {.header_read = 200ms}});
  auto client = gateway.connect();
  client.send("PRI * HTTP/2");
  CHECK(client.closes());
}

TEST_CASE("HTTP/2: what begins like the preface and is none is read as HTTP/1") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("PR");
  client.send("INT /a HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(read_response(client).status() == 200);
  CHECK(origin.requests().at(0).start_line() == "PRINT /a HTTP/1.1");
}

TEST_CASE("HTTP/2: a request that HTTP/1 would read as another is refused") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (const auto& fields : {
           h2::get_with(":path", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /c"),
           h2::get_with(":authority", "a\r\nX: y"),
           h2::get_with(":method", "GET / HTTP/1.1\r\n\r\nGET"),
           h2::get({{"x", "a\r\nTransfer-Encoding: chunked"}}),
           h2::get({{"transfer-encoding", "chunked"}}),
           h2::get({{"connection", "x"}}),
           h2::get({{"content-length", "0"}, {"content-length", "5"}}),
           h2::get({{"x y", "1"}}),
           h2::get({{"x:", "1"}}),
       }) {
    H2Client client(gateway.port());
    const auto& answer = client.finish(client.ask(fields));
    CHECK((answer.reset.has_value() || answer.status() == 400));
  }
  CHECK(origin.request_count() == 0);
}

TEST_CASE("HTTP/2: fields that only this cluster may send are dropped, as over HTTP/1") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.get("/", {{"tandem-term", "9"}, {"x-forwarded-for", "1.2.3.4"}, {"content_length", "3"}});
  for (const auto& request : origin.requests()) {
    CHECK(request.count("tandem-term") == 0);
    CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  }
}

TEST_CASE("HTTP/2: connections that are cut while requests are under way leave nothing behind") {
  std::atomic<int> hung_up{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
    ++hung_up;
  });
  Gateway gateway({origin.port()});
  {
    H2Client client(gateway.port());
    for (int i = 0; i < 20; ++i) client.ask(h2::get());
    wait_until([&] { return origin.request_count() == 20; });
    client.socket().reset();
  }
  wait_until([&] { return hung_up == 20; });
}

}  // namespace tandem::test::h2_clients_test
