// What goes out, and how answers are read.
#include <catch2/catch.hpp>

#include <future>
#include <thread>

#include "common/client/src/limits.hpp"
#include "scripted_masters.hpp"

namespace tandem::test::exchange_test {
namespace {

ClientResponse get(const std::string& raw) {
  Origin master(once(raw));
  Client client(knowing(master));
  const auto answer = client.Get("/");
  if (!answer) FAIL(answer.error().message);
  return *answer;
}

}  // namespace

TEST_CASE("a request goes out as it was given") {
  Origin master(always(ok("")));
  Client client(knowing(master));
  REQUIRE(client.Post("/a%20b?c=d", {{"X-One", "1"}, {"x-two", "2"}}, "body", "text/plain"));
  REQUIRE(client.Put("/", "", ""));
  REQUIRE(client.Patch("/", "p", "text/plain"));
  REQUIRE(client.Delete("/x"));
  REQUIRE(client.Options("*"));
  REQUIRE(client.Get("/", {{"Host", "example.org"}}));
  const auto requests = master.requests();
  CHECK(requests[0].start_line() == "POST /a%20b?c=d HTTP/1.1");
  CHECK(requests[0].field("Host") == address_of(master));
  CHECK(requests[0].field("X-One") == "1");
  CHECK(requests[0].field("X-Two") == "2");
  CHECK(requests[0].field("Content-Type") == "text/plain");
  CHECK(requests[0].field("Content-Length") == "4");
  CHECK(requests[0].body == "body");
  CHECK(requests[1].field("Content-Length") == "0");
  CHECK(requests[1].count("Content-Type") == 0);
  CHECK(requests[2].start_line() == "PATCH / HTTP/1.1");
  CHECK(requests[3].start_line() == "DELETE /x HTTP/1.1");
  CHECK(requests[3].count("Content-Length") == 0);
  CHECK(requests[4].start_line() == "OPTIONS * HTTP/1.1");
  CHECK(requests[5].field("Host") == "example.org");
  CHECK(requests[5].count("Host") == 1);
  CHECK(master.connection_count() == 1);
}

TEST_CASE("default fields go out with each request that does not have them itself") {
  Origin master(always(ok("")));
  auto options = knowing(master);
  options.headers = {{"X-Key", "default"}, {"X-Two", "1"}, {"X-Two", "2"}};
  Client client(options);
  REQUIRE(client.Get("/"));
  REQUIRE(client.Get("/", {{"x-key", "own"}}));
  REQUIRE(client.Post("/", "body", "text/plain"));
  const auto requests = master.requests();
  CHECK(requests[0].field("X-Key") == "default");
  CHECK(requests[0].count("X-Two") == 2);
  CHECK(requests[1].field("X-Key") == "own");
  CHECK(requests[1].count("X-Key") == 1);
  CHECK(requests[2].field("X-Key") == "default");
}

TEST_CASE("trailers are not taken for fields of the answer") {
  const auto seen = get(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n");
  CHECK(seen.body == "abc");
  CHECK(!seen.has_header("X-Late"));
}

TEST_CASE("an answer is read whatever its framing") {
  const auto plain =
      get("HTTP/1.1 418 I am a teapot\r\nContent-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\ntea");
  CHECK(plain.status == 418);
  CHECK(plain.reason == "I am a teapot");
  CHECK(plain.body == "tea");
  CHECK(plain.get_header_value("x-A") == "1");
  CHECK(plain.headers.count("X-a") == 2);
  CHECK(get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            .body == "abcde");
  CHECK(get("HTTP/1.1 200 OK\r\n\r\nuntil the end").body == "until the end");
  CHECK(get("HTTP/1.0 200 OK\r\n\r\nold").body == "old");
  CHECK(get("HTTP/1.1 204 No Content\r\n\r\n").body.empty());
  CHECK(get("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
            ok("final"))
            .body == "final");
}

TEST_CASE("an answer to HEAD has no body, and its connection is used again") {
  Origin master(always("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"));
  Client client(knowing(master));
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Head("/");
    REQUIRE(answer);
    CHECK(answer->body.empty());
    CHECK(answer->get_header_value("Content-Length") == "12");
  }
  CHECK(master.connection_count() == 1);
}

TEST_CASE("a connection that must not be used again is not") {
  for (const auto& final_answer :
       {answer("200 OK", "Connection: close\r\n", "x"), ok("x") + "more than was asked for"}) {
    Origin master(always(final_answer));
    Client client(knowing(master));
    REQUIRE(client.Post("/", "1", ""));
    REQUIRE(client.Post("/", "2", ""));
    CHECK(master.connection_count() == 2);
  }
}

TEST_CASE("a POST does not go out on a connection that the master has closed meanwhile") {
  std::atomic<int> closed = 0;
  Origin master([&](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    socket.send(ok("x"));
    socket.close();
    ++closed;
  });
  Client client(knowing(master));
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(client.Post("/", "order", "text/plain"));
    REQUIRE(eventually([&] { return closed == i; }));
  }
  CHECK(master.request_count() == 3);
}

TEST_CASE("idle connections are kept up to their limit") {
  constexpr auto at_once = static_cast<int>(limits::client_connections_kept) + 4;
  std::promise<void> all_are_there;
  auto go_on = all_are_there.get_future().share();
  std::atomic<int> waiting = 0;
  Origin master([&](Origin& origin, RawSocket& socket) {
    for (;;) {
      origin.receive(socket);
      if (++waiting == at_once) all_are_there.set_value();
      go_on.wait();
      socket.send(ok("x"));
    }
  });
  Client client(knowing(master));
  std::vector<std::thread> threads;
  for (int i = 0; i < at_once; ++i) {
    threads.emplace_back([&] { static_cast<void>(client.Get("/")); });
  }
  for (auto& thread : threads) thread.join();
  CHECK(eventually([&] { return master.open_count() == limits::client_connections_kept; }));
}

TEST_CASE("an answer is read up to the length that the caller allows") {
  Origin master([](Origin& origin, RawSocket& socket) {
    for (;;) {
      const auto request = origin.receive(socket);
      const bool chunked = request.start_line() == "GET /chunked HTTP/1.1";
      socket.send(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                            "3\r\ndef\r\n0\r\n\r\n"
                          : ok("abcdef"));
    }
  });
  auto options = knowing(master);
  options.body_bytes_max = 6;
  CHECK(Client(options).Get("/")->body == "abcdef");
  CHECK(Client(options).Get("/chunked")->body == "abcdef");
  options.body_bytes_max = 5;
  for (const auto* path : {"/", "/chunked"}) {
    const auto answer = Client(options).Get(path);
    REQUIRE(!answer);
    CHECK(answer.error().code == ClientErrorCode::invalid);
    CHECK(answer.error().message.find("longer than 5 bytes") != std::string::npos);
    CHECK(answer.error().attempts == 1);
  }
}

TEST_CASE("an answer that comes before the request has been taken is heard") {
  Origin master([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(answer("413 Content Too Large", "Connection: close\r\n", "too much"));
    std::atomic<std::size_t> discarded = 0;
    socket.discard_to_end(discarded);
  });
  Client client(knowing(master));
  const auto refused = client.Post("/", std::string(32 * 1024 * 1024, 'x'), "text/plain");
  REQUIRE(refused);
  CHECK(refused->status == 413);
}

TEST_CASE("a request that would be ambiguous or is malformed is not sent") {
  Origin master(always(ok("")));
  Client client(knowing(master));
  const auto refuses = [&](const std::string& method, const std::string& path,
                           const ClientHeaders& headers) {
    const auto answer = client.send(method, path, headers, "");
    return !answer && answer.error().code == ClientErrorCode::invalid;
  };
  for (const auto* method : {"", "GE T", "GET\r\n", "CONNECT"}) CHECK(refuses(method, "/", {}));
  for (const auto* path : {"", "a", "http://x/", "/a b", "/a\r\nX: y", "/\xc3\xbc", "/#x", "*"}) {
    CHECK(refuses("GET", path, {}));
  }
  for (const auto* name : {"", "a b", "a:", "x\r\ny", "Content-Length", "transfer-encoding",
                           "Connection", "Upgrade", "Expect", "TE"}) {
    CHECK(refuses("GET", "/", {{name, "1"}}));
  }
  for (const auto& value : {std::string("a\r\nb"), std::string("a\nb"), std::string("a\0b", 3)}) {
    CHECK(refuses("GET", "/", {{"X", value}}));
  }
  CHECK(master.connection_count() == 0);
}

TEST_CASE("a client with options that are wrong says which at every call") {
  const auto sentence = [](const ClientOptions& options) {
    const auto answer = Client(options).Get("/");
    REQUIRE(!answer);
    CHECK(answer.error().code == ClientErrorCode::invalid);
    return answer.error().message;
  };
  ClientOptions options;
  CHECK(sentence(options) == "masters must be 1 to 16 addresses");
  options.masters = {"127.0.0.1"};
  CHECK(sentence(options).find("HOST:PORT") != std::string::npos);
  options.masters = {"127.0.0.1:0"};
  CHECK(sentence(options) == "masters: 127.0.0.1:0 has no port");
  options.masters.assign(17, "127.0.0.1:1");
  CHECK(sentence(options) == "masters must be 1 to 16 addresses");
  options.masters = {"127.0.0.1:1"};
  options.deadline = std::chrono::milliseconds(0);
  CHECK(sentence(options).find("deadline") == 0);
  options.deadline = std::chrono::milliseconds(1);
  options.probe_after = std::chrono::milliseconds(-1);
  CHECK(sentence(options).find("probe_after") == 0);
  options.probe_after = std::chrono::milliseconds(0);
  options.connect_timeout = std::chrono::milliseconds(0);
  CHECK(sentence(options).find("connect_timeout") == 0);
  options.connect_timeout = std::chrono::milliseconds(1);
  options.headers = {{"Content-Length", "1"}};
  CHECK(sentence(options) == "headers: Content-Length is set by the client itself");
}

}  // namespace tandem::test::exchange_test
