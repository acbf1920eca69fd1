// Workers of HTTP/2 that say they did nothing for a call: it goes elsewhere, whatever the policy,
// and comes back when nobody else is left.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_raw_worker.hpp"
#include "table.hpp"

namespace tandem::test::h2_refusals_test {
namespace {

const std::string post = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

// Answers every call of a connection with those bytes.
using Says = std::string (*)(std::int32_t stream);
std::string refused(std::int32_t stream) { return h2::rst_stream(stream, h2::refused_stream); }
std::string goes_away(std::int32_t) { return h2::goaway(0, h2::no_error); }

Origin::Script saying(Says says, std::atomic<int>& asked) {
  return [says, &asked](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      ++asked;
      worker.send(says(stream));
    }
  };
}

Origin::Script answering(const char* body) {
  return [body](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) worker.answer(worker.await_request(), body);
  };
}

struct Row {
  const char* why;
  const char* balance;
};

[[maybe_unused]] const bool policies = each_row_is_a_case<Row>(
    "no call comes back to the worker that refused it while another is there",
    {{"round_robin", "round_robin"},
     {"random", "random"},
     {"least_connections", "least_connections"},
     {"p2c", "p2c"},
     {"first_available", "first_available"},
     {"consistent_hash", "consistent_hash:path"}},
    [](const Row& row) {
      for (const Says says : {&refused, &goes_away}) {
        std::atomic<int> asked{0};
        Origin refusing(saying(says, asked));
        Origin good(answering("elsewhere"));
        Gateway gateway({refusing.port(), good.port()});
        gateway.set({"protocol=http2", std::string("balance=") + row.balance});
        gateway.settle();
        const int calls = 24;
        for (int i = 0; i < calls; ++i) {
          // Keys of their own, half of which belong to the one that refuses.
          auto request = post;
          request.replace(6, 1, std::to_string(i));
          CHECK(gateway.ask(request).body == "elsewhere");
        }
        CHECK(asked > 0);
        CHECK(asked <= calls);
        CHECK(gateway.reported_failures() == 0);
      }
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a client that sticks to a worker which refuses it is served by another") {
  std::atomic<int> asked{0};
  std::atomic<bool> refuses{false};
  Origin leaving([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      ++asked;
      if (refuses) {
        worker.send(refused(stream));
      } else {
        worker.answer(stream, "here");
      }
    }
  });
  Origin good(answering("elsewhere"));
  Gateway gateway({leaving.port(), good.port()}, {.sticky = "route"});
  gateway.set({"protocol=http2", "balance=first_available"});
  gateway.settle();
  const auto first = gateway.ask(get("/"));
  REQUIRE(first.body == "here");
  const auto set = first.field("Set-Cookie");
  const auto cookie = set.substr(0, set.find(';'));
  refuses = true;
  for (int i = 0; i < 4; ++i) {
    CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n").body ==
          "elsewhere");
  }
  CHECK(asked == 5);
}

TEST_CASE("who is refused by the only worker asks it again, up to three times in all") {
  for (const int refusals : {2, 3}) {
    std::atomic<int> asked{0};
    Origin only([&](Origin&, RawSocket& socket) {
      H2RawWorker worker(socket);
      for (;;) {
        const auto stream = worker.await_request();
        if (++asked <= refusals) {
          worker.send(refused(stream));
        } else {
          worker.answer(stream, "at last");
        }
      }
    });
    Gateway gateway({only.port()});
    gateway.set({"protocol=http2"});
    gateway.settle();
    const auto answer = gateway.ask(post);
    CHECK(answer.status() == (refusals == 2 ? 200 : 503));
    CHECK(asked == 3);
  }
}

TEST_CASE("who is refused does not go to a worker that is ejected, but asks the same one again") {
  std::atomic<int> failed{0};
  Origin failing([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      worker.send(
          h2::headers(worker.await_request(), h2::block({{":status", "500"}}), h2::end_stream));
      ++failed;
    }
  });
  std::atomic<int> asked{0};
  Origin renewing([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      if (++asked % 2 == 1) {
        worker.send(refused(stream));
      } else {
        worker.answer(stream, "here");
      }
    }
  });
  Gateway gateway({failing.port(), renewing.port()},
                  {.breaker = {.failures_in_a_row = 3,
                               .open_first = std::chrono::minutes(1),
                               .open_max = std::chrono::minutes(1)}});
  gateway.set({"protocol=http2", "balance=first_available"});
  gateway.settle();
  for (int i = 0; i < 3; ++i) CHECK(gateway.ask(post).status() == 500);
  for (int i = 0; i < 4; ++i) CHECK(gateway.ask(post).body == "here");
  CHECK(failed == 3);
}

}  // namespace tandem::test::h2_refusals_test
