// Heads that fuzzing found, one case each.
#include <catch2/catch.hpp>

#include "master/forward/http/h1/head_writer.hpp"
#include "common/http1/http_head.hpp"

namespace tandem::master::http_head_test {

TEST_CASE("a head that ends before its version does is refused at once") {
  RequestHead request;
  CHECK(request.parse("GET /short 1\r\n\r\n") == HeadStatus::refused);
  ResponseHead response;
  CHECK(response.parse("HTTP/1\r\n\r\n", false) == HeadStatus::refused);
}

TEST_CASE("a head that has not ended waits for its version") {
  RequestHead request;
  CHECK(request.parse("GET /short HTTP") == HeadStatus::incomplete);
}

TEST_CASE("a status below 100 is no HTTP") {
  ResponseHead response;
  CHECK(response.parse("HTTP/1.1 099 Below\r\nContent-Length: 5\r\n\r\nhello", false) ==
        HeadStatus::refused);
  CHECK(response.refusal().status == 502);
}

TEST_CASE("an interim response is passed on without Content-Length") {
  ResponseHead response;
  REQUIRE(response.parse("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n",
                         false) == HeadStatus::complete);
  Buffer out;
  write_interim_head(out, response, "tandem-a");
  CHECK(out.view() == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

}  // namespace tandem::master::http_head_test
