// The heads of requests as a worker of HTTP/2 must get them. There are servers that end a
// connection, and with it the calls of others, for a head that is not so.
#include <catch2/catch.hpp>

#include <atomic>
#include <string>

#include "gateway.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_request_heads_test {

namespace {

// As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2).
std::uint32_t list_size(const h2::Fields& fields) {
  std::size_t size = 0;
  for (const auto& [name, value] : fields) size += name.size() + value.size() + 32;
  return static_cast<std::uint32_t>(size);
}

std::string get_with(std::string_view field) {
  return "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(field) + "\r\n\r\n";
}

// Takes heads of so many bytes, and says which worker it is.
Origin::Script worker_that_takes(std::uint32_t bytes, std::string name) {
  return [bytes, name = std::move(name)](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::max_header_list_size, bytes}});
    for (;;) worker.answer(worker.await_request(), name);
  };
}

}  // namespace

TEST_CASE("a request whose Host is empty names a worker of HTTP/2 itself (RFC 9113 §8.3.1)") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      worker.answer(stream, worker.field(":authority"));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto own = "127.0.0.1:" + std::to_string(origin.port());
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").body == own);
  CHECK(gateway.ask("GET / HTTP/1.0\r\nHost:\r\n\r\n").body == own);
  CHECK(gateway.ask("GET / HTTP/1.0\r\n\r\n").body == own);
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").body == "shop");
}

TEST_CASE("a worker of HTTP/2 gets heads as large as it says, and no larger (RFC 9113 §10.5.1)") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    const auto first = worker.await_request();
    worker.send(h2::settings({{h2::max_header_list_size, list_size(worker.fields())}}));
    worker.answer(first, "first");
    for (;;) worker.answer(worker.await_request(), "later");
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(get_with("aa")).body == "first");
  CHECK(gateway.ask(get_with("aa")).body == "later");
  const auto refused = gateway.ask(get_with("aaa"));
  CHECK(refused.status() == 431);
  CHECK(refused.body.find("head_too_large") != refused.body.npos);
  CHECK(gateway.ask(get_with("aa")).body == "later");
  CHECK(origin.connection_count() == 1);
  CHECK(gateway.counters(0).failures == 0);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a head that one worker of HTTP/2 finds too large goes to another") {
  Origin small(worker_that_takes(100, "small"));
  Origin large(worker_that_takes(10'000, "large"));
  Gateway gateway({small.port(), large.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  for (int i = 0; i < 4; ++i) CHECK(gateway.ask(get_with("a")).body == "large");
  CHECK(gateway.ask(get_with(std::string(10'000, 'a'))).status() == 431);
}

}  // namespace tandem::test::h2_request_heads_test
