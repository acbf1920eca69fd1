// Workers of HTTP/2 that say the same without end, again on each connection: requests to others on
// the same loop are served, in little memory.
#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <thread>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"
#include "table.hpp"

namespace tandem::test::h2_hostile_workers_test {
namespace {

// The part of memory from which on requests are refused.
constexpr std::size_t memory_max = 32 * 1024 * 1024;
constexpr std::size_t flood_bytes = 4 * 1024 * 1024;
constexpr int calls_of_victims = 6;

struct Flood {
  const char* why;
  std::function<std::string(std::int32_t stream)> begin;
  std::function<std::string(std::int32_t stream)> again;
};

std::string nothing(std::int32_t) { return {}; }

std::string head(std::int32_t stream, std::string_view status) {
  return h2::headers(stream, h2::block({{":status", std::string(status)}}));
}

// 40 KB of text in twenty bytes, once the table has the field.
std::string bomb(std::int32_t stream) {
  return h2::headers(
      stream, h2::block({{":status", "103"}}) + std::string(10, static_cast<char>(0x80 | 62)));
}

void check(const Flood& flood) {
  Origin bad([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    const auto stream = worker.await_request();
    worker.send(flood.begin(stream));
    // Further calls on this connection are not answered, where it survives.
    std::string piece;
    while (piece.size() < 64 * 1024) piece += flood.again(stream);
    for (std::size_t sent = 0; sent < flood_bytes; sent += piece.size()) worker.send(piece);
    worker.drain();
  });
  Origin good([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) worker.answer(worker.await_request(), "well");
  });
  Gateway gateway({}, {.breaker = {.failures_in_a_row = 0},
                       .memory = memory_max,
                       .workers_speak = tandem::wire::WorkerProtocol::http2});
  gateway.publish({{"bad", bad.port()}, {"good", good.port()}}, {"/bad=bad", "/good=good"});
  gateway.settle();
  std::atomic<bool> done{false};
  std::thread victims([&] {
    for (int i = 0; i < calls_of_victims; ++i) {
      auto client = gateway.connect();
      client.send(
          "GET /bad HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 100\r\nConnection: close\r\n\r\n");
      std::atomic<std::size_t> taken{0};
      client.discard_to_end(taken);
    }
    done = true;
  });
  H2Client client(gateway.port());
  int served = 0;
  std::string failure;
  while ((!done || served < 100) && failure.empty()) {
    const auto answer = client.get("/good");
    if (answer.body == "well") {
      ++served;
    } else {
      failure = std::to_string(answer.status()) + " " + answer.body;
    }
  }
  victims.join();
  CHECK(failure == "");
}

[[maybe_unused]] const bool cases = each_row_is_a_case<Flood>(
    "a worker of HTTP/2 that floods costs requests to others nothing",
    {
        {"SETTINGS", nothing,
         [](auto) {
           return h2::settings({{h2::header_table_size, 0}});
         }},
        {"PINGs", nothing, [](auto) { return h2::ping(); }},
        {"resets", [](auto s) { return h2::rst_stream(s, 8); },
         [](auto s) { return h2::rst_stream(s, 8); }},
        {"GOAWAYs", nothing, [](auto) { return h2::goaway(0x7fffffff, 0); }},
        {"CONTINUATIONs",
         [](auto s) {
           return h2::open_headers(s, h2::block({{":status", "200"}}));
         },
         [](auto s) {
           return h2::continuation(s, h2::block({{"a", std::string(1'000, 'x')}}));
         }},
        {"interim answers", nothing, [](auto s) { return head(s, "103"); }},
        {"interim answers that decode to much more than they are",
         [](auto s) {
           return h2::headers(s, h2::block({{":status", "103"}}) +
                                     h2::indexed_literal("a", std::string(3'900, 'x')));
         },
         bomb},
        {"trailers that end nothing", [](auto s) { return head(s, "200"); },
         [](auto s) {
           return h2::headers(s, h2::block({{"a", "b"}}));
         }},
        {"content on a stream that was reset",
         [](auto s) { return head(s, "200") + h2::rst_stream(s, 8); },
         [](auto s) { return h2::data(s, std::string(1'000, 'x')); }},
        {"content beyond all windows", [](auto s) { return head(s, "200"); },
         [](auto s) { return h2::data(s, std::string(16'000, 'x')); }},
        {"frames of no type that is known", nothing,
         [](auto s) { return h2::frame(0x42, 0, s, std::string(1'000, 'x')); }},
        {"pushes", nothing,
         [](auto s) {
           return h2::frame(h2::push_promise_type, h2::end_headers, s,
                            h2::number32(2) + h2::block(h2::get()));
         }},
    },
    check, CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::h2_hostile_workers_test
