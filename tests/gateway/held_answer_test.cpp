// Answers that do not say their length: one that breaks off before anything of it was passed on is
// asked for again where that is safe, and nobody waits for one that is made little by little.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_raw_worker.hpp"
#include "table.hpp"

namespace tandem::test::held_answer_test {

using namespace std::chrono_literals;

namespace {

const std::string post =
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

constexpr auto chunked_part = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
constexpr auto part_until_close = "HTTP/1.1 200 OK\r\n\r\npart";
constexpr auto part_of_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart";

std::string h2_part(std::int32_t stream) {
  return h2::headers(stream, h2::block({{":status", "200"}})) + h2::data(stream, "part");
}

struct Row {
  const char* why;
  Origin::Script script;
  const char* protocol;
};

Origin::Script resets_after(const char* bytes) {
  return [bytes](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(bytes);
    socket.reset();
  };
}

const std::initializer_list<Row> broken{
    {"chunks of HTTP/1 without their end", resets_after(chunked_part), "http1"},
    {"a part of a chunk", resets_after(part_of_chunk), "http1"},
    {"content up to a close that is a reset", resets_after(part_until_close), "http1"},
    {"chunks that are followed by nonsense",
     [](Origin& self, RawSocket& socket) {
       self.receive(socket);
       socket.send(std::string(chunked_part) + "zz\r\n");
       socket.read_to_end();
     },
     "http1"},
    {"a stream of HTTP/2 that is reset",
     [](Origin&, RawSocket& socket) {
       H2RawWorker worker(socket);
       for (;;) {
         const auto stream = worker.await_request();
         worker.send(h2_part(stream) + h2::rst_stream(stream, h2::internal_error));
       }
     },
     "http2"},
    {"a connection of HTTP/2 that is reset",
     [](Origin&, RawSocket& socket) {
       H2RawWorker worker(socket);
       worker.send(h2_part(worker.await_request()));
       socket.reset();
     },
     "http2"},
};

[[maybe_unused]] const bool cases = each_row_is_a_case<Row>(
    "a short answer that breaks off costs a GET nothing, whatever its framing", broken,
    [](const Row& row) {
      const bool http2 = std::string_view(row.protocol) == "http2";
      Origin bad(row.script);
      Origin good(http2 ? Origin::Script([](Origin&, RawSocket& socket) {
        H2RawWorker worker(socket);
        for (;;) worker.answer(worker.await_request(), "elsewhere");
      })
                        : always(ok("elsewhere")));
      Gateway gateway({bad.port(), good.port()});
      gateway.set(
          {std::string("protocol=") + row.protocol, "balance=first_available", "retry_on=502"});
      gateway.settle();
      CHECK(gateway.ask(get("/")).body == "elsewhere");
      // A POST may have been executed: its client is not told that this was all.
      Gateway other({bad.port(), good.port()});
      other.set({std::string("protocol=") + row.protocol, "balance=first_available"});
      other.settle();
      auto client = other.connect();
      client.send(post);
      const auto all = client.read_to_end();
      CHECK(all.find("elsewhere") == all.npos);
      CHECK(all.find("\r\n0\r\n") == all.npos);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a client gets what there is of an answer that is made little by little") {
  for (const bool http2 : {false, true}) {
    std::atomic<bool> go{false};
    Origin origin([&](Origin& self, RawSocket& socket) {
      if (http2) {
        H2RawWorker worker(socket);
        const auto stream = worker.await_request();
        worker.send(h2_part(stream));
        wait_until([&] { return go.load(); });
        worker.send(h2::data(stream, " and the rest", h2::end_stream));
        worker.drain();
      } else {
        self.receive(socket);
        socket.send(chunked_part);
        wait_until([&] { return go.load(); });
        socket.send("d\r\n and the rest\r\n0\r\n\r\n");
        socket.read_to_end();
      }
    });
    Gateway gateway({origin.port()});
    gateway.set({http2 ? "protocol=http2" : "protocol=http1"});
    gateway.settle();
    auto client = gateway.connect();
    client.send(get("/"));
    client.read_until("part");
    go = true;
    CHECK(client.read_until("0\r\n\r\n").find(" and the rest") != std::string::npos);
    // It can be used again, and its worker was not blamed.
    CHECK(gateway.reported_failures() == 0);
  }
}

TEST_CASE("an answer that does not say its length and is here as a whole leaves as one") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      worker.send(h2::headers(stream, h2::block({{":status", "200"}})) + h2::data(stream, "whole") +
                  h2::headers(stream, h2::block({{"x-sum", "1"}}), h2::end_stream));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  for (const auto& request : {get("/"), post}) {
    const auto answer = gateway.ask(request);
    CHECK(answer.body == "whole");
    CHECK(answer.trailers == "x-sum: 1\r\n");
  }
}

}  // namespace tandem::test::held_answer_test
