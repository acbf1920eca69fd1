// Bodies in pieces, both ways.
#include <catch2/catch.hpp>

#include <future>
#include <thread>

#include "scripted_masters.hpp"

namespace tandem::test::streaming_test {

using namespace std::chrono_literals;

namespace {

constexpr auto go_on = "HTTP/1.1 100 Continue\r\n\r\n";

// Hands out `body`, at most `piece` bytes at a time, and counts how often it began.
struct Text {
  explicit Text(std::string text, std::size_t piece_bytes = 3)
      : body(std::move(text)), piece(piece_bytes) {}

  ClientStreams streams(bool knows_length, bool rewinds) {
    ClientBodySource source;
    source.read = [this](char* into, std::size_t size) -> std::optional<std::size_t> {
      ++reads;
      const auto count = body.copy(into, std::min(size, piece), at);
      at += count;
      return count;
    };
    if (knows_length) source.length = body.size();
    if (rewinds) {
      source.rewind = [this] {
        at = 0;
        ++rewound;
        return true;
      };
    }
    ClientStreams streams;
    streams.source = std::move(source);
    return streams;
  }

  const std::string body;
  const std::size_t piece;
  std::size_t at = 0;
  int reads = 0;
  int rewound = 0;
};

// Takes a head, says that the body is wanted, takes it, and answers.
Origin::Script taking(std::string response, std::string& body, std::string& head) {
  return [response = std::move(response), &body, &head](Origin&, RawSocket& socket) {
    for (;;) {
      head = socket.read_until("\r\n\r\n");
      socket.send(go_on);
      if (head.find("chunked") != std::string::npos) {
        body = socket.read_until("\r\n0\r\n\r\n");
      } else {
        const auto field = head.find("Content-Length: ");
        body = socket.read_exactly(std::stoul(head.substr(field + 16)));
      }
      socket.send(response);
    }
  };
}

}  // namespace

TEST_CASE("a body of known length goes out in pieces under its length") {
  std::string body, head;
  Origin master(taking(ok("done"), body, head));
  Client client(knowing(master));
  for (int i = 0; i < 2; ++i) {
    Text text("0123456789");
    const auto seen = client.stream("POST", "/up", {{"X-A", "1"}}, text.streams(true, false));
    REQUIRE(seen);
    CHECK(seen->body == "done");
    CHECK(body == "0123456789");
    CHECK(text.reads == 4);
    CHECK(head.find("Content-Length: 10\r\n") != std::string::npos);
    CHECK(head.find("Expect: 100-continue\r\n") != std::string::npos);
    CHECK(head.find("X-A: 1\r\n") != std::string::npos);
  }
  CHECK(master.connection_count() == 1);
}

TEST_CASE("a body of unknown length goes out in chunks") {
  std::string body, head;
  Origin master(taking(ok("done"), body, head));
  Text text(std::string(70'000, 'x'), 40'000);
  const auto seen = Client(knowing(master)).stream("PUT", "/up", {}, text.streams(false, false));
  REQUIRE(seen);
  CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(head.find("Content-Length") == std::string::npos);
  CHECK(body == "9c40\r\n" + std::string(40'000, 'x') + "\r\n7530\r\n" + std::string(30'000, 'x') +
                    "\r\n0\r\n\r\n");
}

TEST_CASE("an empty body is not waited for") {
  Origin master(always(ok("done")));
  Text text("");
  const auto seen = Client(knowing(master)).stream("POST", "/", {}, text.streams(true, false));
  REQUIRE(seen);
  CHECK(master.requests()[0].field("Content-Length") == "0");
  CHECK(master.requests()[0].count("Expect") == 0);
  CHECK(text.reads == 0);
}

TEST_CASE("a source is not touched before a master has a worker that wants its body") {
  // Whatever the method: what was not taken from it can go to the next one.
  for (const auto& first_says : {unserved("no_primary"), std::string("")}) {
    Origin first([&](Origin&, RawSocket& socket) {
      socket.read_until("\r\n\r\n");
      if (!first_says.empty()) socket.send(first_says);
    });
    std::string body, head;
    Origin second(taking(ok("second"), body, head));
    Text text("order");
    CallOptions call;
    call.retry = first_says.empty();  // then the answer is lost
    const auto seen =
        Client(knowing(first, second)).stream("POST", "/", {}, text.streams(true, false), call);
    REQUIRE(seen);
    CHECK(seen->body == "second");
    CHECK(body == "order");
    CHECK(text.reads == 2);
  }
}

TEST_CASE("a body that was begun is sent again only from its beginning") {
  Origin first([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(go_on);
    socket.read_exactly(4);
    socket.reset();
  });
  std::string body, head;
  Origin second(taking(ok("second"), body, head));
  Text text(std::string(200'000, 'x'), 10'000);
  Client client(knowing(first, second));
  SECTION("when the source goes back, and the method is idempotent") {
    const auto seen = client.stream("PUT", "/", {}, text.streams(true, true));
    REQUIRE(seen);
    CHECK(seen->body == "second");
    CHECK(body == text.body);
    CHECK(text.rewound == 1);
  }
  SECTION("and not when the source does not go back") {
    const auto seen = client.stream("PUT", "/", {}, text.streams(true, false));
    REQUIRE(!seen);
    CHECK(seen.error().code == ClientErrorCode::outcome_unknown);
    CHECK(second.connection_count() == 0);
  }
  SECTION("nor when the method is not idempotent") {
    const auto seen = client.stream("POST", "/", {}, text.streams(true, true));
    REQUIRE(!seen);
    CHECK(seen.error().code == ClientErrorCode::outcome_unknown);
    CHECK(second.connection_count() == 0);
  }
}

TEST_CASE("a body that breaks off wherever it is sent is not sent for ever") {
  Origin only([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(go_on);
    socket.read_exactly(4);
    socket.reset();
  });
  Text text(std::string(100'000, 'x'), 10'000);
  const auto seen = Client(knowing(only)).stream("PUT", "/", {}, text.streams(true, true));
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::outcome_unknown);
  CHECK(text.rewound == 3);
}

TEST_CASE("an answer that comes before the body ends the sending") {
  std::atomic<std::size_t> discarded = 0;
  Origin master([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(answer("413 Content Too Large", "Connection: close\r\n", "too much"));
    socket.discard_to_end(discarded);
  });
  Text text("12345");
  const auto seen = Client(knowing(master)).stream("POST", "/", {}, text.streams(true, false));
  REQUIRE(seen);
  CHECK(seen->status == 413);
  CHECK(seen->body == "too much");
  CHECK(text.reads == 0);
  CHECK(discarded == 0);
}

TEST_CASE("who asks for a body twice as fast as it is taken is held up") {
  // The source runs ahead by what the kernel buffers, and no more, until the other side reads.
  std::promise<void> read_on;
  auto reads_on = read_on.get_future().share();
  std::atomic<std::size_t> taken = 0;
  constexpr std::size_t length = 256 * 1024 * 1024;
  Origin master([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(go_on);
    reads_on.wait();
    std::size_t read = 0;
    while (read < length)
      read += socket.read_exactly(std::min<std::size_t>(length - read, 1 << 20)).size();
    socket.send(ok("done"));
  });
  ClientStreams streams;
  streams.source.emplace();
  streams.source->length = length;
  streams.source->read = [&](char* into, std::size_t size) -> std::optional<std::size_t> {
    std::fill_n(into, size, 'x');
    taken += size;
    return size;
  };
  Client client(knowing(master));
  auto upload =
      std::async(std::launch::async, [&] { return client.stream("POST", "/", {}, streams); });
  CHECK(eventually([&] { return taken > 0; }));
  std::size_t before = 0;  // it stands still once the buffers are full
  CHECK(eventually([&] {
    std::this_thread::sleep_for(50ms);
    return std::exchange(before, taken) == taken;
  }));
  CHECK(taken < length / 2);
  read_on.set_value();
  const auto seen = upload.get();
  REQUIRE(seen);
  CHECK(taken == length);
}

TEST_CASE("a source that gives up ends the call") {
  std::string body, head;
  Origin master(taking(ok("done"), body, head));
  Client client(knowing(master));
  ClientStreams streams;
  streams.source.emplace();
  SECTION("by itself") {
    streams.source->read = [](char*, std::size_t) { return std::nullopt; };
  }
  SECTION("by ending before the length that it promised") {
    streams.source->length = 5;
    streams.source->read = [](char*, std::size_t) { return 0; };
  }
  SECTION("by writing more than there is room for") {
    streams.source->read = [](char*, std::size_t size) { return size + 1; };
  }
  const auto seen = client.stream("PUT", "/", {}, streams);
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::given_up);
}

TEST_CASE("an answer is given to the sink, its head first") {
  Origin master([](Origin& origin, RawSocket& socket) {
    for (;;) {
      origin.receive(socket);
      socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\n");
      socket.send("2\r\nde\r\n0\r\n\r\n");
    }
  });
  auto options = knowing(master);
  options.body_bytes_max = 1;  // is of answers in memory
  Client client(options);
  for (int i = 0; i < 2; ++i) {
    std::string body;
    ClientStreams streams;
    streams.sink.emplace();
    streams.sink->head = [&](const ClientResponse& head) {
      body += std::to_string(head.status) + head.get_header_value("X-A") + ":";
      CHECK(head.master == address_of(master));
      return true;
    };
    streams.sink->write = [&](std::string_view piece) {
      body += piece;
      return true;
    };
    const auto seen = client.stream("GET", "/", {}, streams);
    REQUIRE(seen);
    CHECK(body == "2001:abcde");
    CHECK(seen->body.empty());
    CHECK(seen->status == 200);
  }
  CHECK(master.connection_count() == 1);
}

TEST_CASE("a sink does not see what a master says for itself") {
  Origin first(always(unserved("no_primary")));
  Origin second(always(ok("second")));
  std::string body;
  ClientStreams streams;
  streams.sink.emplace();
  streams.sink->write = [&](std::string_view piece) {
    body += piece;
    return true;
  };
  REQUIRE(Client(knowing(first, second)).stream("POST", "/", {}, streams));
  CHECK(body == "second");
}

TEST_CASE("a sink sees a service's own 503 whole, however long") {
  for (const std::size_t length : {4u, 1'000'000u}) {
    Origin only(always(answer("503 Busy", "Retry-After: 1\r\n", std::string(length, 'x'))));
    std::size_t taken = 0;
    ClientStreams streams;
    streams.sink.emplace();
    streams.sink->write = [&](std::string_view piece) {
      taken += piece.size();
      return true;
    };
    const auto seen = Client(knowing(only)).stream("GET", "/", {}, streams);
    REQUIRE(seen);
    CHECK(seen->status == 503);
    CHECK(taken == length);
  }
}

TEST_CASE("an answer that breaks off after its beginning was given to the sink is said to") {
  Origin first(once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
  Origin second(always(ok("second")));
  std::string body;
  ClientStreams streams;
  streams.sink.emplace();
  streams.sink->write = [&](std::string_view piece) {
    body += piece;
    return true;
  };
  const auto seen = Client(knowing(first, second)).stream("GET", "/", {}, streams);
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::cut_off);
  CHECK(body == "half");
  CHECK(second.connection_count() == 0);
}

TEST_CASE("a sink that wants no more ends the call") {
  Origin master(always(ok("more than wanted")));
  Client client(knowing(master));
  ClientStreams streams;
  streams.sink.emplace();
  streams.sink->write = [](std::string_view) { return false; };
  SECTION("at the body") {}
  SECTION("at the head") {
    streams.sink->head = [](const ClientResponse&) { return false; };
  }
  const auto seen = client.stream("GET", "/", {}, streams);
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::given_up);
}

TEST_CASE("a call that streams lasts as long as bytes move, and ends when none do") {
  std::atomic<bool> stops = false;
  Origin slow([&](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
      socket.send("x");
      if (!socket.stays_silent(50)) return;
    }
    stops = true;
    socket.wait_for_hang_up();
  });
  auto options = knowing(slow);
  options.deadline = 500ms;
  std::size_t taken = 0;
  ClientStreams streams;
  streams.sink.emplace();
  streams.sink->write = [&](std::string_view piece) {
    taken += piece.size();
    return true;
  };
  const auto seen = Client(options).stream("GET", "/", {}, streams);
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::cut_off);
  CHECK(taken == 20);
  CHECK(stops);
}

TEST_CASE("streams without their functions are refused") {
  Origin master(always(ok("")));
  Client client(knowing(master));
  ClientStreams streams;
  SECTION("a source") { streams.source.emplace(); }
  SECTION("a sink") { streams.sink.emplace(); }
  const auto seen = client.stream("POST", "/", {}, streams);
  REQUIRE(!seen);
  CHECK(seen.error().code == ClientErrorCode::invalid);
  CHECK(master.connection_count() == 0);
}

}  // namespace tandem::test::streaming_test
