// What the access log says of requests that a real gateway served.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "master/forward/access_log/log.hpp"

namespace tandem::test::access_log_test {

using nlohmann::json;
using tandem::master::AccessFields;
using tandem::master::AccessLog;
using tandem::master::AccessLogOptions;

namespace {

// A gateway that keeps a log. entries() ends both.
class LoggedGateway {
 public:
  explicit LoggedGateway(std::vector<std::uint16_t> worker_ports, bool workers_accept_terms = false,
                         AccessLogOptions options = {}) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tandem-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    options.path = (directory_ / "access.log").string();
    auto log = AccessLog::open(options, 1);
    if (!log) throw std::runtime_error(log.error().message);
    log_ = std::move(*log);
    gateway_ = std::make_unique<Gateway>(
        std::move(worker_ports),
        Gateway::Options{.access_log = log_.get(), .workers_accept_terms = workers_accept_terms});
  }
  ~LoggedGateway() {
    gateway_.reset();
    log_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  LoggedGateway(const LoggedGateway&) = delete;
  LoggedGateway& operator=(const LoggedGateway&) = delete;

  Gateway& gateway() { return *gateway_; }
  std::uint64_t lost() const { return log_->lost(); }
  std::vector<json> entries() {
    gateway_->plane().drain(std::chrono::seconds(10));
    gateway_.reset();
    log_.reset();
    std::ifstream file(directory_ / "access.log");
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    return lines;
  }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<AccessLog> log_;
  std::unique_ptr<Gateway> gateway_;
};

std::string worker_name(const Origin& origin) { return fmt::format("w{}", origin.port()); }

}  // namespace

TEST_CASE("a worker that dies after an interim response is a 502, and no client that broke off") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 103 Early Hints\r\n\r\n");
  });
  LoggedGateway logged({origin.port()});
  auto client = logged.gateway().connect();
  client.send(get("/"));
  CHECK(read_response(client).status() == 103);
  CHECK(read_response(client).status() == 502);
  client.close();
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0]["status"] == 502);
}

TEST_CASE("a target is logged as it was sent, in absolute-form too") {
  Origin origin(always(ok("hello")));
  LoggedGateway logged({origin.port()});
  for (const auto* target : {"http://shop.example:80/a?b", "HTTPS://shop.example"}) {
    logged.gateway().ask(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target));
  }
  logged.gateway().ask("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0]["target"] == "http://shop.example:80/a?b");
  CHECK(entries[1]["target"] == "HTTPS://shop.example");
  CHECK(entries[2]["target"] == "ftp://a/");
}

TEST_CASE("a forwarded request is one line that says who asked what and who answered") {
  Origin origin(always(ok("hello")));
  LoggedGateway logged({origin.port()});
  logged.gateway().ask("GET /a%20b?c=\"d\" HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id\r\n\r\n");
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 1);
  const auto& entry = entries[0];
  CHECK(entry["client"] == "127.0.0.1");
  CHECK(entry["method"] == "GET");
  CHECK(entry["target"] == "/a%20b?c=\"d\"");
  CHECK(entry["status"] == 200);
  CHECK(entry["bytes"] == 5);
  CHECK(entry["worker"] == worker_name(origin));
  CHECK(entry["attempts"] == 1);
  CHECK(entry["request_id"] == "my-id");
  CHECK(entry["service"] == "default");
  CHECK(entry["duration_ms"].get<double>() >= 0);
  CHECK(entry["time"].get<std::string>().size() == std::string("2024-05-01T12:00:00.000Z").size());
}

TEST_CASE("a line has what the client said of itself, if that was asked for") {
  Origin origin(always(ok("hello")));
  LoggedGateway logged({origin.port()}, false, {.fields = AccessFields::all()});
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  logged.gateway().ask(
      "POST / HTTP/1.1\r\nHost: shop.example\r\nuser-agent: a\r\nReferer: https://b/\r\n"
      "traceparent: 00-" +
      trace + "-b7ad6b7169203331-01\r\nContent-Length: 3\r\n\r\nxyz");
  logged.gateway().ask("POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       std::string("11170\r\n") + std::string(70'000, 'x') + "\r\n0\r\n\r\n");
  logged.gateway().ask("nonsense\r\n\r\n");
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0]["host"] == "shop.example");
  CHECK(entries[0]["user_agent"] == "a");
  CHECK(entries[0]["referer"] == "https://b/");
  CHECK(entries[0]["trace_id"] == trace);
  CHECK(entries[0]["request_bytes"] == 3);
  CHECK(entries[0]["tls"].is_null());
  CHECK(entries[0]["first_byte_ms"].get<double>() > 0);
  CHECK(entries[1]["request_bytes"] == 70'000);
  CHECK(entries[1]["user_agent"].is_null());
  CHECK(entries[2]["host"].is_null());
}

TEST_CASE("only the requests that a filter takes have a line, and none counts as lost") {
  Origin origin(always(ok("hello")));
  AccessLogOptions options;
  REQUIRE(options.filter.add_clause("status>=400", "-").ok());
  LoggedGateway logged({origin.port()}, false, options);
  logged.gateway().ask(get("/"));
  logged.gateway().ask("nonsense\r\n\r\n");
  const auto lost = logged.lost();
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0]["status"] == 400);
  CHECK(lost == 0);
}

TEST_CASE("bytes count the content that was sent, whatever its framing") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      if (request.start_line().find("/large") != std::string::npos) {
        socket.send(ok(std::string(300'000, 'x')));
      } else {
        socket.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, "
            "world\r\n0\r\n\r\n");
      }
    }
  });
  LoggedGateway logged({origin.port()});
  CHECK(logged.gateway().ask(get("/large")).body.size() == 300'000);
  CHECK(logged.gateway().ask(get("/chunked")).body == "hello, world");
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0]["bytes"] == 300'000);
  CHECK(entries[1]["bytes"] == 12);
  CHECK(entries[1]["request_id"].get<std::string>().size() == 32);
}

TEST_CASE("pipelined requests are a line each, with their own targets") {
  Origin origin(always(ok("x")));
  LoggedGateway logged({origin.port()});
  {
    auto client = logged.gateway().connect();
    client.send(get("/1") + get("/2") + get("/3"));
    for (int i = 0; i < 3; ++i) read_response(client);
  }
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(entries[static_cast<std::size_t>(i)]["target"] == fmt::format("/{}", i + 1));
}

TEST_CASE(
    "answers of the gateway itself are logged: no worker, a bad request, a target that is too "
    "long") {
  LoggedGateway logged({});
  const auto body_bytes = logged.gateway().ask(get("/nobody")).body.size();
  logged.gateway().ask("GET /two-hosts HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  logged.gateway().ask("nonsense\r\n\r\n");
  logged.gateway().ask(get("/" + std::string(17'000, 'x')));
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 4);
  CHECK(entries[0]["status"] == 503);
  CHECK(entries[0]["bytes"] == body_bytes);
  CHECK(entries[0]["worker"].is_null());
  CHECK(entries[0]["attempts"] == 0);
  CHECK(entries[1]["status"] == 400);
  CHECK(entries[1]["target"] == "/two-hosts");
  CHECK(entries[1]["service"].is_null());
  CHECK(entries[2]["status"] == 400);
  CHECK(entries[2]["target"].is_null());
  CHECK(entries[3]["status"] == 414);
}

TEST_CASE("a request that took two attempts names the worker that answered") {
  Origin dead([](Origin& self, RawSocket& socket) { self.receive(socket); });
  Origin live(always(ok("x")));
  LoggedGateway logged({dead.port(), live.port()});
  for (int i = 0; i < 2; ++i) CHECK(logged.gateway().ask(get("/")).status() == 200);
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 2);
  CHECK(std::any_of(entries.begin(), entries.end(),
                    [](const auto& entry) { return entry["attempts"] == 2; }));
  for (const auto& entry : entries) CHECK(entry["worker"] == worker_name(live));
}

TEST_CASE("a WebSocket of HTTP/2 that its worker does not open is logged as its client sees it") {
  const std::string without_proof =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: eA==\r\n\r\n";
  for (const auto& answer : {ok("page"), without_proof}) {
    Origin origin(always(answer));
    LoggedGateway logged({origin.port()});
    H2Client client(logged.gateway().port());
    const auto stream = client.ask({{":method", "CONNECT"},
                                    {":protocol", "websocket"},
                                    {":scheme", "http"},
                                    {":path", "/chat"},
                                    {":authority", "a"},
                                    {"sec-websocket-version", "13"}},
                                   false);
    REQUIRE(client.finish(stream).status() == 502);
    client.socket().close();
    const auto entries = logged.entries();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0]["status"] == 502);
  }
}

TEST_CASE("a client that breaks off before it has an answer is logged with status 499") {
  Origin origin(always(ok("x")));
  LoggedGateway logged({origin.port()});
  {
    auto client = logged.gateway().connect();
    client.send("POST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal");
  }
  {
    auto client = logged.gateway().connect();
    client.send("GET /never-ended HTT");
  }
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 2);
  for (const auto& entry : entries) CHECK(entry["status"] == 499);
  CHECK(std::any_of(entries.begin(), entries.end(),
                    [](const auto& entry) { return entry["target"] == "/broken"; }));
}

TEST_CASE("a connection that asks nothing is not logged") {
  LoggedGateway logged({});
  logged.gateway().connect();
  CHECK(logged.entries().empty());
}

TEST_CASE("a request that was passed on names the master that served it, and no term") {
  Origin primary(always(ok("x")));
  LoggedGateway logged({});
  logged.gateway().follow("other", primary.port(), "secret-pass");
  logged.gateway().ask(get("/"));
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0]["worker"] == "master:other");
  CHECK(entries[0]["attempts"] == 1);
  CHECK(entries[0]["term"].is_null());
  CHECK(entries[0].dump().find("secret-pass") == std::string::npos);
}

TEST_CASE("a request to a Tandem worker names the term that was sent") {
  Origin origin(always(ok("x")));
  LoggedGateway logged({origin.port()}, true);
  logged.gateway().lead(7);
  logged.gateway().ask(get("/"));
  const auto entries = logged.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0]["term"] == 7);
}

}  // namespace tandem::test::access_log_test
