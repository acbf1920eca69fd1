// X-Forwarded-*, Forwarded and Via: where a request came from, and whom to believe about it.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::forwarded_test {
namespace {

const std::string told =
    "GET / HTTP/1.1\r\nHost: inner.example\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: "
    "https\r\n"
    "X-Forwarded-Host: outer.example\r\nForwarded: for=203.0.113.7;proto=https\r\n\r\n";

Message seen_behind(std::vector<std::string> trusted_proxies, const std::string& request) {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.trusted_proxies = std::move(trusted_proxies)});
  CHECK(gateway.ask(request).status() == 200);
  return origin.requests().at(0);
}

unsigned status_with_via(const std::string& via) {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto status = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n" + via + "\r\n\r\n").status();
  CHECK(origin.request_count() == (status == 200 ? 1u : 0u));
  return status;
}

}  // namespace

TEST_CASE("what a stranger says of where it comes from is replaced") {
  const auto request = seen_behind({}, told);
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "http");
  CHECK(request.field("X-Forwarded-Host") == "inner.example");
  for (const auto* name : {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"})
    CHECK(request.count(name) == 1);
  CHECK(request.count("Forwarded") == 0);
}

TEST_CASE("what a trusted proxy says of its client is kept and appended to") {
  const auto request = seen_behind({"127.0.0.0/8"}, told);
  CHECK(request.field("X-Forwarded-For") == "203.0.113.7, 127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "https");
  CHECK(request.field("X-Forwarded-Host") == "outer.example");
  for (const auto* name : {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"})
    CHECK(request.count(name) == 1);
  CHECK(request.field("Forwarded") == "for=203.0.113.7;proto=https");
}

namespace {

const std::string claims =
    "GET / HTTP/1.1\r\nHost: inner.example\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Prefix: "
    "/front\r\nX-Forwarded-Server: s\r\nx-forwarded-Ssl: on\r\nX-Real-IP: 203.0.113.7\r\n"
    "X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n";
// But for underscores of fields that are ours or frame.
const std::string look_alikes =
    "X_Forwarded_For: 1.1.1.1\r\nX-Forwarded_Proto: https\r\nX_Forwarded-Anything: 1\r\n"
    "X_Real_IP: 1.1.1.1\r\nTandem_Term: 9\r\nX_Request_Id: 1\r\nProxy_Connection: close\r\n"
    "Max_Forwards: 1\r\n";

}  // namespace

TEST_CASE("other fields that only proxies set are removed when a stranger sends them") {
  const auto request = seen_behind({}, claims + "\r\n");
  CHECK(request.field("X-Forwarded-Port").size() >= 4);
  CHECK(request.field("X-Forwarded-Port") != "443");
  for (const auto* name : {"X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Ssl",
                           "X-Real-IP", "X-Original-URL", "X-Rewrite-URL"}) {
    CHECK(request.count(name) == 0);
  }
}

TEST_CASE("other fields of a trusted proxy are kept, and our port is not mixed with its host") {
  const auto request = seen_behind({"127.0.0.1"}, claims + "\r\n");
  CHECK(request.field("X-Forwarded-Port") == "443");
  CHECK(request.count("X-Forwarded-Port") == 1);
  CHECK(request.field("X-Forwarded-Prefix") == "/front");
  for (const auto* name :
       {"X-Forwarded-Server", "X-Forwarded-Ssl", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL"}) {
    CHECK(request.count(name) == 1);
  }
  CHECK(seen_behind({"127.0.0.1"}, told).count("X-Forwarded-Port") == 0);
}

TEST_CASE("names with an underscore are a proxy's to use, and an operator's to allow") {
  const std::string sent = "GET / HTTP/1.1\r\nHost: a\r\nX_User: 1\r\n_: 2\r\n\r\n";
  CHECK(seen_behind({}, sent).head.find('_') == std::string::npos);
  CHECK(seen_behind({"127.0.0.1"}, sent).field("X_User") == "1");
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.keeps_underscores = true});
  gateway.ask(sent);
  CHECK(origin.requests().at(0).field("X_User") == "1");
  CHECK(origin.requests().at(0).field("_") == "2");
}

TEST_CASE("a field that is one of ours but for underscores is nobody's to use") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.trusted_proxies = {"127.0.0.1"}, .keeps_underscores = true});
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n" + look_alikes + "\r\n");
  CHECK(origin.requests().at(0).head.find('_') == std::string::npos);
  CHECK(origin.requests().at(0).field("X-Forwarded-For") == "127.0.0.1");
  gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" +
              look_alikes + "Content_Type: text/html\r\nX-Forwarded-Any: 1\r\nX-Kept: 1\r\n\r\n");
  CHECK(origin.requests().at(1).trailers == "X-Kept: 1\r\n");
}

TEST_CASE("a worker's field that is one of ours but for underscores ends here") {
  Origin origin(
      always("HTTP/1.1 200 OK\r\nTransfer_Encoding: chunked\r\nX_Kept: 1\r\nContent-Length: "
             "1\r\n\r\nx"));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.count("Transfer_Encoding") == 0);
  CHECK(answer.field("X_Kept") == "1");
}

TEST_CASE("a proxy outside of the trusted ranges is a stranger") {
  const auto request = seen_behind({"10.0.0.0/8", "127.0.0.2"}, told);
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "http");
}

TEST_CASE("any of several trusted ranges is enough") {
  const auto request = seen_behind({"10.0.0.0/8", "127.0.0.1"}, told);
  CHECK(request.field("X-Forwarded-For") == "203.0.113.7, 127.0.0.1");
}

TEST_CASE("several X-Forwarded-For fields of a trusted proxy become one list in their order") {
  const auto request =
      seen_behind({"127.0.0.1"},
                  "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX: y\r\n"
                  "x-forwarded-for: \r\nx-forwarded-for: 3.3.3.3\r\n\r\n");
  CHECK(request.field("X-Forwarded-For") == "1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1");
  CHECK(request.count("X-Forwarded-For") == 1);
}

TEST_CASE("a trusted proxy that says nothing is itself the client") {
  const auto request = seen_behind({"127.0.0.1"}, get("/"));
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "http");
  CHECK(request.field("X-Forwarded-Host") == "example.org");
}

TEST_CASE("Connection cannot strip what a trusted proxy says") {
  const auto request =
      seen_behind({"127.0.0.1"},
                  "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, X-Forwarded-Proto\r\n"
                  "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n\r\n");
  CHECK(request.field("X-Forwarded-For") == "1.1.1.1, 127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "https");
}

TEST_CASE("Via is appended to, in the order of the hops (RFC 9110 §7.6.3)") {
  Origin origin(always("HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\n\r\n"));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask("GET / HTTP/1.0\r\nVia: 1.1 first, 1.0 second\r\n\r\n");
  const auto seen = origin.requests().at(0);
  CHECK(seen.head.find("Via: 1.1 first, 1.0 second\r\n") <
        seen.head.find("Via: 1.0 tandem-test\r\n"));
  CHECK(answer.head.find("Via: 1.1 inner\r\n") < answer.head.find("Via: 1.1 tandem-test\r\n"));
}

namespace {

struct ViaRow {
  const char* why;
  std::string via;
  unsigned status;
};

[[maybe_unused]] const bool loops = each_row_is_a_case<ViaRow>(
    "a Via loop (RFC 9110 §7.6.3, RFC 5842 §7.2)",
    {
        {"this gateway's name is answered 508", "Via: 1.1 tandem-test", 508},
        {"the name in other letters is answered 508", "Via: 1.1 TANDEM-Test", 508},
        {"the name as a member of a list is answered 508",
         "Via: 1.0 first,1.1 tandem-test , 1.1 last", 508},
        {"the name in a second Via is answered 508", "Via: 1.1 first\r\nVia: 1.1 tandem-test", 508},
        {"the name with a comment is answered 508", "Via: HTTP/1.1 tandem-test (Tandem)", 508},
        {"the name behind a comment with commas is answered 508",
         "Via: 1.1 a (b, \\) c), 1.1 tandem-test", 508},
        {"another gateway is served", "Via: 1.1 tandem-other", 200},
        {"a longer name is served", "Via: 1.1 tandem-test2", 200},
        {"the name inside a comment is served", "Via: 1.1 a (b, 1.1 tandem-test)", 200},
        {"the name as a protocol is served", "Via: tandem-test a", 200},
    },
    [](const ViaRow& row) { CHECK(status_with_via(row.via) == row.status); },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a gateway that is its own worker answers 508 instead of going round") {
  Gateway gateway({});
  gateway.publish({gateway.port()});
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 508);
  CHECK(answer.count("Via") == 1);
}

}  // namespace tandem::test::forwarded_test
