// What a gateway has to know of gRPC calls.
#include <catch2/catch.hpp>

#include "master/forward/http/grpc.hpp"

namespace tandem::master::grpc_test {

using namespace std::chrono_literals;

namespace {

// Parsed where the text stays.
struct Call {
  explicit Call(const std::string& fields, const std::string& line = "POST /a.B/C")
      : text(line + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n") {
    REQUIRE(head.parse(text) == HeadStatus::complete);
    head.note_http2();
  }
  const std::string text;
  RequestHead head;
};

std::optional<Duration> timeout(const std::string& value) {
  const Call call("grpc-timeout: " + value + "\r\n");
  return grpc_timeout(call.head);
}

}  // namespace

TEST_CASE("a gRPC call is a POST of its content type") {
  CHECK(is_grpc_call(Call("Content-Type: application/grpc\r\n").head));
  CHECK(is_grpc_call(Call("content-type: application/grpc+proto\r\n").head));
  CHECK(is_grpc_call(Call("content-type: Application/GRPC;x=1\r\n").head));
  CHECK_FALSE(is_grpc_call(Call("content-type: application/grpc-web\r\n").head));
  CHECK_FALSE(is_grpc_call(Call("content-type: application/json\r\n").head));
  CHECK_FALSE(is_grpc_call(Call("").head));
  CHECK_FALSE(is_grpc_call(Call("content-type: application/grpc\r\n", "GET /").head));
}

TEST_CASE("grpc-timeout is a number of up to eight digits and a unit") {
  CHECK(timeout("1H") == 1h);
  CHECK(timeout("2M") == 2min);
  CHECK(timeout("3S") == 3s);
  CHECK(timeout("100m") == 100ms);
  CHECK(timeout("5u") == 5us);
  CHECK(timeout("99999999n") == 99'999'999ns);
  CHECK(timeout("0m") == 0ms);
  CHECK(timeout("99999999H") == 24h * 365);
  for (const auto* malformed : {"", "m", "1", "1x", "-1m", "1.5S", "123456789m", "1 m", "+1m"}) {
    INFO(malformed);
    CHECK_FALSE(timeout(malformed).has_value());
  }
}

TEST_CASE("what is left is told in milliseconds, never as nothing") {
  CHECK(grpc_timeout_text(100ms) == "100m");
  CHECK(grpc_timeout_text(1'500us) == "2m");
  CHECK(grpc_timeout_text(0ms) == "1m");
  CHECK(grpc_timeout_text(24h * 365) == "99999999m");
}

TEST_CASE("a message keeps what is printable and no percent sign") {
  CHECK(grpc_message_text("no worker") == "no worker");
  CHECK(grpc_message_text("50% \n\u00e9") == "50%25 %0A%C3%A9");
}

}  // namespace tandem::master::grpc_test
