#include "common/http1/limits.hpp"
#include "common/http1/start_line.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace tandem::start_line_test {
namespace {

LineStatus request(std::string_view bytes) {
  RequestLine line;
  return read_request_line(bytes, line);
}

LineStatus response(std::string_view bytes) {
  StatusLine line;
  return read_status_line(bytes, line);
}

}  // namespace

TEST_CASE("a request line has three parts") {
  RequestLine line;
  REQUIRE(read_request_line("GET /a?b HTTP/1.7\r\nHost", line) == LineStatus::complete);
  CHECK(line.method == "GET");
  CHECK(line.target == "/a?b");
  CHECK(line.version == 11);
  CHECK(line.bytes == 19);
}

TEST_CASE("a first line that has begun well is incomplete until its end") {
  const std::string line = "GET /a HTTP/1.1\r\n";
  const std::string status = "HTTP/1.1 200 OK\r\n";
  for (std::size_t size = 0; size < line.size(); ++size) {
    CHECK(request(line.substr(0, size)) == LineStatus::incomplete);
    if (size < status.size()) CHECK(response(status.substr(0, size)) == LineStatus::incomplete);
  }
}

TEST_CASE("what is wrong with a request line is told apart") {
  CHECK(request("GET / HTTP/2.0\r\n") == LineStatus::bad_version);
  CHECK(request("GET / HTTP/1\r\n") == LineStatus::bad_version);
  CHECK(request("GET /  HTTP/1.1\r\n") == LineStatus::malformed);
  CHECK(request("GET / HTTP/1.1\n") == LineStatus::malformed);
  CHECK(request("GET / HTTP/1.1\rx\r\n") == LineStatus::malformed);
  CHECK(request("GET /\x80") == LineStatus::malformed);
  CHECK(request("G\x80") == LineStatus::malformed);
  CHECK(request(" GET") == LineStatus::malformed);
}

TEST_CASE("a request line is as long as its limits allow, and not a byte longer") {
  const auto line = [](std::size_t target) {
    return "GET " + std::string(target, '/') + " HTTP/1.1\r\n";
  };
  CHECK(request(line(limits::target_bytes_max)) == LineStatus::complete);
  CHECK(request(line(limits::target_bytes_max + 1)) == LineStatus::too_long);
  CHECK(request("GET " + std::string(limits::target_bytes_max + 1, '/')) == LineStatus::too_long);
  CHECK(request(std::string(limits::request_line_bytes_max, 'M')) == LineStatus::incomplete);
  CHECK(request(std::string(limits::request_line_bytes_max + 1, 'M')) == LineStatus::too_long);
}

TEST_CASE("a status line may end behind its status") {
  StatusLine line;
  REQUIRE(read_status_line("HTTP/1.0 404\r\n", line) == LineStatus::complete);
  CHECK(line.status == 404);
  CHECK(line.version == 10);
  CHECK(line.reason.empty());
  REQUIRE(read_status_line("HTTP/1.1 404 Not Found\r\n", line) == LineStatus::complete);
  CHECK(line.reason == "Not Found");
  for (const auto* bytes :
       {"HTTP/1.1 40\r\n", "HTTP/1.1 4040\r\n", "HTTP/1.1  404\r\n", "HTTP/2 200\r\n",
        "HTTP/1.1 200\n", "HTTP/1.1\r\n", "HTTP/1.1 200 \x01\r\n", "ICY 200"}) {
    CHECK(response(bytes) == LineStatus::malformed);
  }
}

}  // namespace tandem::start_line_test
