// Workers of HTTP/2 that break the rules, by raw frames: what concerns a stream costs its call
// alone, what concerns the connection costs the calls on it, and those that may be repeated go
// elsewhere. Nobody is served a part of an answer as if it were the whole.
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <thread>

#include "gateway.hpp"
#include "h2_raw_worker.hpp"
#include "table.hpp"

namespace tandem::test::h2_bad_workers_test {

using namespace std::chrono_literals;

namespace {

using Fields = h2::Fields;

std::string head(std::int32_t stream, const Fields& fields, std::uint8_t flags = h2::no_flags) {
  return h2::headers(stream, h2::block(fields), flags);
}

std::string repeat(int times, std::string_view bytes) {
  std::string all;
  for (int i = 0; i < times; ++i) all += bytes;
  return all;
}

const Fields ok_head{{":status", "200"}};

// A worker that has two calls on one connection: an innocent one, and one to which it says what the
// case says. Then it answers the innocent one, if it still can.
struct Pair {
  explicit Pair(std::function<std::string(std::int32_t stream)> says)
      : bad([this, says](Origin&, RawSocket& socket) {
          H2RawWorker worker(socket);
          std::int32_t innocent = 0;
          std::int32_t victim = 0;
          for (int i = 0; i < 2; ++i) {
            const auto stream = worker.await_request();
            (worker.field(":path") == "/innocent" ? innocent : victim) = stream;
          }
          ++asked;
          wait_until([&] { return ready.load(); });
          try {
            worker.send(says(victim));
            worker.answer(innocent, "innocent");
            goaway = worker.drain();
          } catch (const std::exception&) {
            goaway = reset;
          }
        }),
        good([](Origin&, RawSocket& socket) {
          H2RawWorker worker(socket);
          for (;;) worker.answer(worker.await_request(), "elsewhere");
        }),
        gateway({bad.port()}) {
    gateway.set({"protocol=http2"});
    gateway.settle();
    // So that both are on one connection.
    innocent = gateway.connect();
    innocent.send(get("/innocent"));
    wait_until([&] { return gateway.counters(0).open_connections == 1; });
    victim = gateway.connect();
    victim.send(get("/bad"));
    wait_until([&] { return asked == 1; });
    gateway.publish({bad.port(), good.port()});
    gateway.settle();
    ready = true;
  }

  std::atomic<int> asked{0};
  std::atomic<bool> ready{false};
  static constexpr int reset = -3;
  std::atomic<int> goaway{-2};  // -2: the connection is there; -1: none came; or reset
  Origin bad, good;
  Gateway gateway;
  RawSocket innocent, victim;
};

struct Row {
  const char* why;
  std::function<std::string(std::int32_t)> says;
  int code = 0;  // of the GOAWAY
};

[[maybe_unused]] const bool stream_cases = each_row_is_a_case<Row>(
    "what a worker of HTTP/2 does wrong on a stream costs the others nothing",
    {
        {"no :status",
         [](auto s) {
           return head(s, {{"a", "b"}}, h2::end_stream);
         }},
        {"a :status that is none",
         [](auto s) {
           return head(s, {{":status", "2x0"}});
         }},
        {"two of them",
         [](auto s) {
           return head(s, {{":status", "200"}, {":status", "200"}});
         }},
        {"101",
         [](auto s) {
           return head(s, {{":status", "101"}});
         }},
        {"a pseudo-field of requests",
         [](auto s) {
           return head(s, {{":status", "200"}, {":path", "/"}});
         }},
        {"a pseudo-field behind others",
         [](auto s) {
           return head(s, {{"a", "b"}, {":status", "200"}}, h2::end_stream);
         }},
        {"a name in capitals",
         [](auto s) {
           return head(s, {{":status", "200"}, {"Big", "x"}});
         }},
        {"a name with a space",
         [](auto s) {
           return head(s, {{":status", "200"}, {"a b", "x"}});
         }},
        {"a value with a line",
         [](auto s) {
           return head(s, {{":status", "200"}, {"a", "b\r\nc: d"}});
         }},
        {"connection",
         [](auto s) {
           return head(s, {{":status", "200"}, {"connection", "close"}});
         }},
        {"transfer-encoding",
         [](auto s) {
           return head(s, {{":status", "200"}, {"transfer-encoding", "chunked"}});
         }},
        {"two lengths",
         [](auto s) {
           return head(s, {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}});
         }},
        {"less than its length",
         [](auto s) {
           return head(s, {{":status", "200"}, {"content-length", "5"}}) +
                  h2::data(s, "ab", h2::end_stream);
         }},
        {"more than its length",
         [](auto s) {
           return head(s, {{":status", "200"}, {"content-length", "1"}}) +
                  h2::data(s, "ab", h2::end_stream);
         }},
        {"an interim answer that ends",
         [](auto s) {
           return head(s, {{":status", "103"}}, h2::end_stream);
         }},
        {"a head over the limit",
         [](auto s) {
           Fields fields = ok_head;
           for (int i = 0; i < 1'100; ++i) fields.push_back({"a", "b"});
           return head(s, fields, h2::end_stream);
         }},
        {"trailers that end nothing",
         [](auto s) {
           return head(s, ok_head) + head(s, {{"a", "b"}}) + h2::data(s, "x", h2::end_stream);
         }},
        {"trailers with a pseudo-field",
         [](auto s) {
           return head(s, ok_head) + head(s, {{":status", "200"}}, h2::end_stream);
         }},
        {"interim answers without end",
         [](auto s) {
           return repeat(200, head(s, {{":status", "103"}}));
         }},
        {"a window beyond all",
         [](auto s) {
           return h2::window_update(s, 0x7fffffff) + h2::window_update(s, 0x7fffffff);
         }},
        {"a reset", [](auto s) { return h2::rst_stream(s, 2); }},
        {"a reset without a reason", [](auto s) { return h2::rst_stream(s, 0); }},
    },
    [](const Row& row) {
      Pair pair(row.says);
      CHECK(read_response(pair.innocent).body == "innocent");
      const auto answer = read_response(pair.victim);
      CHECK((answer.status() == 502 || answer.status() == 103 || answer.body == "elsewhere"));
      CHECK(pair.goaway == -2);
    },
    CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool connection_cases = each_row_is_a_case<Row>(
    "a worker of HTTP/2 that breaks its connection costs the calls on it, which go elsewhere",
    {
        {"PUSH_PROMISE",
         [](auto s) {
           return h2::frame(h2::push_promise_type, h2::end_headers, s,
                            h2::number32(2) + h2::block(h2::get()));
         },
         1},
        {"content without a head", [](auto s) { return h2::data(s, "ab", h2::end_stream); }, 1},
        {"a window of nothing for a stream", [](auto s) { return h2::window_update(s, 0); }, 1},
        {"an answer to a request that was not made", [](auto) { return head(99, ok_head); }, 1},
        {"an answer on a stream of its own", [](auto) { return head(2, ok_head); }, 1},
        {"content on no stream", [](auto) { return h2::data(0, "x"); }, 1},
        {"a head that cannot be decoded", [](auto s) { return h2::headers(s, "\xff\xff\xff\xff"); },
         9},
        {"a frame that is too long",
         [](auto s) {
           return h2::frame_of_length(20'000, h2::data_type, 0, s, std::string(20'000, 'x'));
         },
         6},
        {"a SETTINGS frame of five bytes",
         [](auto) { return h2::frame(h2::settings_type, 0, 0, "12345"); }, 6},
        {"a WINDOW_UPDATE of nothing for the connection",
         [](auto) { return h2::window_update(0, 0); }, 1},
        {"a window of the connection beyond all",
         [](auto) { return h2::window_update(0, 0x7fffffff) + h2::window_update(0, 0x7fffffff); },
         3},
        {"SETTINGS without end", [](auto) { return repeat(200, h2::settings()); }, 11},
        {"PINGs without end", [](auto) { return repeat(2'000, h2::ping()); }, 11},
        {"PINGs' answers without end",
         [](auto) { return repeat(2'000, h2::ping("12345678", h2::ack)); }, 11},
        {"frames of no type that is known",
         [](auto s) { return repeat(2'000, h2::frame(0x42, 0, s, "x")); }, 11},
        {"empty content without end",
         [](auto s) {
           return head(s, {{":status", "200"}, {"content-length", "5"}}) +
                  repeat(2'000, h2::data(s, ""));
         },
         11},
        {"WINDOW_UPDATEs without end",
         [](auto s) { return repeat(4'000, h2::window_update(s, 1)); }, 11},
        {"a head that never ends",
         [](auto s) {
           return h2::frame(h2::headers_type, 0, s, h2::block(ok_head)) +
                  repeat(20, h2::frame(h2::continuation_type, 0, s, h2::block({{"a", "b"}})));
         },
         11},
        {"a head as large as a mountain",
         [](auto s) {
           auto block = h2::block(ok_head) + h2::indexed_literal("a", std::string(3'900, 'x'));
           // Each byte is the field that the table has now.
           block += std::string(400, static_cast<char>(0x80 | 62));
           return h2::headers(s, block, h2::end_stream);
         },
         11},
        {"GOAWAYs without end", [](auto) { return repeat(2'000, h2::goaway(0x7fffffff, 0)); }, 11},
        {"a GOAWAY that takes back an earlier one",
         [](auto s) { return h2::goaway(s, 0) + h2::goaway(0x7fffffff, 0); }, 1},
        {"a reset of a request that was not made", [](auto) { return h2::rst_stream(99, 8); }, 1},
        {"resets without end of a stream that is gone",
         [](auto s) { return repeat(4'000, h2::rst_stream(s, 8)); }, 11},
        {"PRIORITYs without end", [](auto s) { return repeat(4'000, h2::priority(s)); }, 11},
        {"a SETTINGS frame of a thousand entries",
         [](auto) {
           return h2::frame(h2::settings_type, 0, 0,
                            repeat(1'000, h2::number16(0x4242) + h2::number32(1)));
         },
         11},
        {"something between a head and its rest",
         [](auto s) { return h2::frame(h2::headers_type, 0, s, h2::block(ok_head)) + h2::ping(); },
         1},
    },
    [](const Row& row) {
      Pair pair(row.says);
      CHECK(read_response(pair.innocent).body == "elsewhere");
      CHECK(read_response(pair.victim).body == "elsewhere");
      wait_until([&] { return pair.goaway != -2; });
      CHECK(pair.goaway == row.code);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("interim heads that decode to much more than they are end their call, not the memory") {
  // One field of 3,900 bytes in the table, and heads that name it ten times: 40 KB of text each,
  // from twenty bytes.
  Pair pair([](std::int32_t s) {
    auto bytes = h2::headers(
        s, h2::block({{":status", "103"}}) + h2::indexed_literal("a", std::string(3'900, 'x')));
    const auto block =
        h2::block({{":status", "103"}}) + std::string(10, static_cast<char>(0x80 | 62));
    return bytes + repeat(500, h2::headers(s, block));
  });
  CHECK(read_response(pair.innocent).body == "innocent");
  const auto answer = read_response(pair.victim);
  CHECK((answer.status() == 502 || answer.status() == 103));
}

// RFC 9113 §5.1: nothing may follow END_STREAM, and both ends know it.
TEST_CASE("content behind the end of an answer ends the connection, not the answer") {
  Pair pair([](std::int32_t s) {
    return head(s, ok_head) + h2::data(s, "whole", h2::end_stream) + h2::data(s, "more");
  });
  CHECK(read_response(pair.victim).body == "whole");
  CHECK(read_response(pair.innocent).body == "elsewhere");
  wait_until([&] { return pair.goaway != -2; });
  CHECK(pair.goaway == 5);  // STREAM_CLOSED
}

TEST_CASE("many bad answers cost no other call at the same worker of HTTP/2") {
  std::atomic<int> bad_answers{0};
  std::atomic<int> connections{0};
  Origin origin([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    ++connections;  // others only look whether it listens
    std::int32_t innocent = 0;
    for (;;) {
      const auto stream = worker.await_request();
      if (worker.field(":path") == "/innocent") {
        innocent = stream;
        continue;
      }
      worker.send(head(stream, {{":status", "200"}, {"connection", "close"}}));
      if (++bad_answers == 300) worker.answer(innocent, "innocent");
    }
  });
  Gateway gateway({origin.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto innocent = gateway.connect();
  innocent.send(get("/innocent"));
  wait_until([&] { return gateway.counters(0).open_connections == 1; });
  auto client = gateway.connect();
  while (bad_answers < 300) {
    client.send("POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    CHECK(read_response(client).status() == 502);
  }
  CHECK(read_response(innocent).body == "innocent");
  CHECK(connections == 1);
}

// ---- what was executed, and what was not

TEST_CASE(
    "calls above the last stream of a GOAWAY go elsewhere, those below may have been executed") {
  std::atomic<int> asked{0};
  std::atomic<bool> ready{false};
  Origin leaving([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    const auto first = worker.await_request();
    ++asked;
    worker.await_request();
    ++asked;
    wait_until([&] { return ready.load(); });
    worker.send(h2::goaway(first, 0));
    socket.close();
  });
  Origin good([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) worker.answer(worker.await_request(), "elsewhere");
  });
  Gateway gateway({leaving.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  auto first = gateway.connect();
  first.send(post);
  wait_until([&] { return asked == 1; });
  auto second = gateway.connect();
  second.send(post);
  wait_until([&] { return asked == 2; });
  gateway.publish({leaving.port(), good.port()});
  gateway.settle();
  ready = true;
  CHECK(read_response(first).status() == 502);
  CHECK(read_response(second).body == "elsewhere");
}

TEST_CASE("a worker that takes no stream at all refuses, and is asked no more") {
  for (const bool says_goodbye : {false, true}) {
    Origin closed([says_goodbye](Origin&, RawSocket& socket) {
      H2RawWorker worker(socket, {{h2::max_concurrent_streams, says_goodbye ? 100u : 0u}});
      if (says_goodbye) worker.send(h2::goaway(0, 0));
      worker.drain();
    });
    Origin good([](Origin&, RawSocket& socket) {
      H2RawWorker worker(socket);
      for (;;) worker.answer(worker.await_request(), "elsewhere");
    });
    Gateway gateway({closed.port(), good.port()});
    gateway.set({"protocol=http2", "balance=round_robin"});
    gateway.settle();
    for (int i = 0; i < 4; ++i) {
      CHECK(gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body ==
            "elsewhere");
    }
    CHECK(closed.connection_count() <= 4);
  }
}

// ---- early answers

TEST_CASE(
    "an answer that ends before its request is passed on, and the rest not sent (RFC 9113 §8.1)") {
  for (const bool resets : {false, true}) {
    Origin origin([resets](Origin&, RawSocket& socket) {
      H2RawWorker worker(socket);
      for (;;) {
        const auto stream = worker.await_request();
        worker.send(head(stream, {{":status", "413"}}) + h2::data(stream, "no", h2::end_stream) +
                    (resets ? h2::rst_stream(stream, 0) : ""));
      }
    });
    Gateway gateway({origin.port()});
    gateway.set({"protocol=http2"});
    gateway.settle();
    auto client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" +
                std::string(100'000, 'x'));
    const auto answer = read_response(client);
    CHECK(answer.status() == 413);
    CHECK(answer.body == "no");
    CHECK(gateway.reported_failures() == 0);
    // Its connection serves others.
    wait_until([&] { return gateway.counters(0).open_connections == 0; });
    CHECK(gateway.ask(get("/")).status() == 413);
    CHECK(origin.connection_count() == 1);
  }
}

TEST_CASE(
    "what a worker of HTTP/2 said before it reset the connection is read, whatever is written") {
  Origin origin([](Origin&, RawSocket& socket) {
    // What the kernel holds back is lost by the reset.
    const int on = 1;
    ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    H2RawWorker worker(socket, {{h2::initial_window_size, 1 << 30}});
    worker.send(h2::window_update(0, 1 << 30));
    const auto stream = worker.await_request();
    // Content that is not read makes a reset of the close.
    worker.send(head(stream, {{":status", "413"}}) + h2::data(stream, "no", h2::end_stream));
  });
  for (int round = 0; round < 50; ++round) {
    Gateway gateway({origin.port()});
    gateway.set({"protocol=http2"});
    gateway.settle();
    auto client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    std::atomic<bool> answered{false};
    std::thread sends([&] {
      try {
        while (!answered) client.send(std::string(1'000, 'x'));
      } catch (const std::exception&) {
        // It was told enough.
      }
    });
    const auto answer = read_response(client);
    answered = true;
    sends.join();
    CHECK(answer.status() == 413);
  }
}

TEST_CASE(
    "a head that is larger than others, with what a master adds, reaches a worker of HTTP/2") {
  std::atomic<std::size_t> count{0};
  Origin origin([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      count = worker.fields().size();
      worker.answer(stream, "hello");
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 255; ++i) many += "X-A: b\r\n";
  CHECK(gateway.ask(many + "\r\n").body == "hello");
  CHECK(count > 255);
  std::string large = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (large.size() < 65'000) large += "X-A: " + std::string(1'000, 'b') + "\r\n";
  large += "X-B: " + std::string(65'536 - large.size() - 9, 'c') + "\r\n\r\n";
  CHECK(large.size() == 65'536);
  CHECK(gateway.ask(large).body == "hello");
}

}  // namespace tandem::test::h2_bad_workers_test
