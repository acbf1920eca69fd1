// gRPC calls that another worker is asked: which answers are worth it, and which methods.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_worker.hpp"

namespace tandem::test::grpc_retry_test {

using namespace std::string_literals;
namespace master = tandem::master;
using master::h2::ErrorCode;
using master::h2::Stream;

namespace {

using Connection = H2Worker::Connection;
using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::string message = "\0\0\0\0\2hi"s;
constexpr auto find_order = "/shop.Orders/Find";
constexpr auto place_order = "/shop.Orders/Place";

h2::Fields call_of(std::string_view path) {
  auto fields = h2::post({{"te", "trailers"}, {"content-type", "application/grpc"}});
  for (auto& [name, value] : fields) {
    if (name == ":path") value = path;
  }
  return fields;
}

void succeed(Connection& connection, Stream& stream) {
  connection.answer(stream, 200, message, {{"content-type", "application/grpc"}},
                    {{"grpc-status", "0"}});
}

// Trailers-only.
void refuse(Connection& connection, Stream& stream, Pairs more = {}) {
  Pairs fields{{"content-type", "application/grpc"}, {"grpc-status", "14"}};
  fields.insert(fields.end(), more.begin(), more.end());
  connection.answer(stream, 200, "", fields);
}

// Two workers of one service. The first call that either gets is answered as the test says, the
// others well.
class Shop {
 public:
  using First = std::function<void(Connection&, Stream&)>;

  explicit Shop(First first, std::vector<std::string> settings = {}) : first_(std::move(first)) {
    settings.insert(settings.end(), {"retry_backoff=0ms", "protocol=http2"});
    gateway.set(settings);
    gateway.settle();
  }

  // The status of gRPC that the client is told.
  std::string call(std::string_view path) {
    H2Client client(gateway.port());
    const auto answer = client.finish(client.ask_with(call_of(path), message));
    const auto status = answer.field("grpc-status");
    if (!status.empty()) return status;
    for (const auto& [name, value] : answer.trailers) {
      if (name == "grpc-status") return value;
    }
    return "none";
  }
  std::size_t calls() const { return one_.requests().size() + two_.requests().size(); }

 private:
  void answer(Connection& connection, Stream& stream) {
    calls_++ == 0 ? first_(connection, stream) : succeed(connection, stream);
  }

  First first_;
  std::atomic<int> calls_{0};
  const H2Worker::Answer answer_ = [this](Connection& connection, Stream& stream, const auto&) {
    answer(connection, stream);
  };
  H2Worker one_{answer_};
  H2Worker two_{answer_};
  Origin at_one_{one_.script()};
  Origin at_two_{two_.script()};

 public:
  Gateway gateway{{at_one_.port(), at_two_.port()}};
};

const std::vector<std::string> unavailable_finds{"retry_on=grpc:unavailable",
                                                 "retry_methods=/shop.Orders/Find,/shop.Stock/*"};

void unavailable(Connection& connection, Stream& stream) { refuse(connection, stream); }

}  // namespace

TEST_CASE(
    "gRPC: a trailers-only status of retry_on goes elsewhere, for the methods that are named") {
  for (const auto* path : {find_order, "/shop.Stock/Count", "/shop.Orders/Find?x=1"}) {
    Shop shop(unavailable, unavailable_finds);
    INFO(path);
    CHECK(shop.call(path) == "0");
    CHECK(shop.calls() == 2);
  }
  Shop shop(unavailable, unavailable_finds);
  CHECK(shop.call(place_order) == "14");
  CHECK(shop.calls() == 1);
}

TEST_CASE("gRPC: without the setting a call that a worker has answered is not repeated") {
  for (const auto& settings :
       std::vector<std::vector<std::string>>{{},
                                             {"retry_methods=/shop.Orders/*"},
                                             {"retry_on=grpc:unavailable"},
                                             {"retry_on=503,grpc:aborted", "retry_methods=POST"}}) {
    Shop shop(unavailable, settings);
    CHECK(shop.call(find_order) == "14");
    CHECK(shop.calls() == 1);
  }
}

TEST_CASE("gRPC: an answer that has begun, and one that forbids it, are the last word") {
  Shop begun(
      [](Connection& connection, Stream& stream) {
        connection.answer(stream, 200, message, {{"content-type", "application/grpc"}},
                          {{"grpc-status", "14"}});
      },
      unavailable_finds);
  CHECK(begun.call(find_order) == "14");
  CHECK(begun.calls() == 1);
  Shop forbidden(
      [](Connection& connection, Stream& stream) {
        refuse(connection, stream, {{"grpc-retry-pushback-ms", "-1"}});
      },
      unavailable_finds);
  CHECK(forbidden.call(find_order) == "14");
  CHECK(forbidden.calls() == 1);
  Shop later(
      [](Connection& connection, Stream& stream) {
        refuse(connection, stream, {{"grpc-retry-pushback-ms", "0"}});
      },
      unavailable_finds);
  CHECK(later.call(find_order) == "0");
}

TEST_CASE("gRPC: the retry budget bounds these tries too") {
  Shop shop(unavailable,
            {"retry_on=grpc:unavailable", "retry_methods=/shop.Orders/*", "attempts=1"});
  CHECK(shop.call(find_order) == "14");
  CHECK(shop.calls() == 1);
}

TEST_CASE("gRPC: a call that may have been executed is repeated only if its method is named") {
  const auto lost = [](Connection& connection, Stream& stream) {
    connection.session().reset(stream, ErrorCode::internal_error);
  };
  Shop named(lost, {"retry_methods=/shop.Orders/Find", "retry_on=502"});
  CHECK(named.call(find_order) == "0");
  CHECK(named.calls() == 2);
  Shop unnamed(lost, {"retry_methods=/shop.Orders/Find", "retry_on=502"});
  CHECK(unnamed.call(place_order) == "14");
  CHECK(unnamed.calls() == 1);
}

TEST_CASE("gRPC: a call that was certainly not executed goes elsewhere whatever its method") {
  Shop shop([](Connection& connection, Stream& stream) {
    connection.session().reset(stream, ErrorCode::refused_stream);
  });
  CHECK(shop.call(place_order) == "0");
}

TEST_CASE("gRPC: only calls of methods that are named are hedged") {
  const auto stalls = [](Connection&, Stream&) {};
  Shop shop(stalls, {"hedge_after=1ms", "retry_methods=/shop.Orders/Find"});
  CHECK(shop.call(find_order) == "0");
  CHECK(shop.calls() == 2);
  Shop unnamed(stalls, {"hedge_after=1ms", "retry_methods=/shop.Orders/Find",
                        "response_timeout=100ms", "idle_timeout=100ms"});
  CHECK(unnamed.call(place_order) == "4");
  CHECK(unnamed.calls() == 1);
}

TEST_CASE("a worker that says that it speaks HTTP/2 is spoken to so, whatever its service says") {
  H2Worker worker([](Connection& connection, Stream& stream, const auto&) {
    connection.answer(stream, 200, "hello");
  });
  Origin origin(worker.script());
  Gateway gateway({origin.port()}, {.workers_speak = tandem::wire::WorkerProtocol::http2});
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == "hello");
  gateway.set({"protocol=http1"});
  gateway.settle();
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == "hello");
  CHECK(origin.connection_count() == 1);

  Origin older(always(ok("plain")));
  Gateway other({older.port()}, {.workers_speak = tandem::wire::WorkerProtocol::http1});
  other.set({"protocol=http2"});
  other.settle();
  CHECK(other.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == "plain");
}

}  // namespace tandem::test::grpc_retry_test
