// What a worker behind a stripped route is told, and says of places.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::stripped_prefix_test {
namespace {

struct Said {
  const char* why;
  std::string said;
  std::string client_hears;
};

Message asked_behind_shop(const std::string& fields, Origin& origin) {
  Gateway gateway({}, {.trusted_proxies = {"127.0.0.1"}});
  gateway.publish({{"shop", origin.port()}}, {"/shop=shop,strip"});
  return gateway.ask("GET /shop/a HTTP/1.1\r\nHost: h.example\r\n" + fields + "\r\n");
}

[[maybe_unused]] const bool places = each_row_is_a_case<Said>(
    "behind a stripped route (RFC 9110 §10.2.2)",
    {
        {"a path gets the prefix", "Location: /b?c", "Location: /shop/b?c"},
        {"the root too", "Location: /", "Location: /shop/"},
        {"a Content-Location too", "content-location:/b", "content-location: /shop/b"},
        {"a path of the same host too", "Location: http://h.example/b",
         "Location: http://h.example/shop/b"},
        {"in any case of letters, by https, with its usual port",
         "Location: HTTPS://H.example:443/b", "Location: HTTPS://H.example:443/shop/b"},
        {"without a path", "Location: http://h.example?x", "Location: http://h.example/shop?x"},
        {"without a scheme", "Location: //h.example/b", "Location: //h.example/shop/b"},
        {"another host is left alone", "Location: http://other.example/b",
         "Location: http://other.example/b"},
        {"another port is another host", "Location: http://h.example:8080/b",
         "Location: http://h.example:8080/b"},
        {"what is relative to the request is left alone", "Location: next", "Location: next"},
        {"and so is a query alone", "Location: ?page=2", "Location: ?page=2"},
        {"and what has the prefix already", "Location: /shop/b", "Location: /shop/b"},
        {"the prefix is a whole segment", "Location: /shopping", "Location: /shop/shopping"},
        {"a cookie's path gets the prefix", "Set-Cookie: a=/b; Path=/c; HttpOnly",
         "Set-Cookie: a=/b; Path=/shop/c; HttpOnly"},
        {"a cookie for all has one for all behind the prefix", "Set-Cookie: a=b;path = / ",
         "Set-Cookie: a=b;path = /shop"},
        {"the last of a cookie's paths counts", "Set-Cookie: a=b; Path=/c; Path=/d",
         "Set-Cookie: a=b; Path=/c; Path=/shop/d"},
        {"a cookie whose path has the prefix is left alone", "Set-Cookie: a=b; Path=/shop",
         "Set-Cookie: a=b; Path=/shop"},
        {"a cookie without a path is left alone", "Set-Cookie: a=b; Secure",
         "Set-Cookie: a=b; Secure"},
        {"other fields are left alone", "X-Location: /b", "X-Location: /b"},
    },
    [](const Said& row) {
      Origin origin(always("HTTP/1.1 302 Found\r\n" + row.said + "\r\nContent-Length: 0\r\n\r\n"));
      const auto answer = asked_behind_shop("", origin);
      CHECK(answer.head.find("\r\n" + row.client_hears + "\r\n") != std::string::npos);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a worker is told the prefix that it does not see, behind those of proxies before") {
  Origin origin(always(ok("x")));
  asked_behind_shop("", origin);
  asked_behind_shop("X-Forwarded-Prefix: /front/\r\n", origin);
  const auto requests = origin.requests();
  CHECK(requests.at(0).field("X-Forwarded-Prefix") == "/shop");
  CHECK(requests.at(1).field("X-Forwarded-Prefix") == "/front/shop");
  CHECK(requests.at(1).count("X-Forwarded-Prefix") == 1);
}

TEST_CASE("the host that a proxy of ours was asked for is the same host") {
  Origin origin(
      always("HTTP/1.1 302 Found\r\nLocation: http://outer.example/b\r\n"
             "Content-Length: 0\r\n\r\n"));
  CHECK(asked_behind_shop("X-Forwarded-Host: outer.example\r\n", origin).field("Location") ==
        "http://outer.example/shop/b");
}

TEST_CASE("where nothing is stripped a worker's places are the client's") {
  Origin origin(
      always("HTTP/1.1 302 Found\r\nLocation: /b\r\nSet-Cookie: a=b; Path=/c\r\n"
             "Content-Length: 0\r\n\r\n"));
  Gateway gateway({});
  gateway.publish({{"shop", origin.port()}}, {"/shop=shop"});
  const auto answer = gateway.ask(get("/shop/a"));
  CHECK(answer.field("Location") == "/b");
  CHECK(answer.field("Set-Cookie") == "a=b; Path=/c");
  CHECK(origin.requests().at(0).count("X-Forwarded-Prefix") == 0);
}

}  // namespace tandem::test::stripped_prefix_test
