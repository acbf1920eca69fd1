#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "common/http/http_server.hpp"
#include "common/http/limits.hpp"
#include "common/wire/limits.hpp"
#include "tests/unit/master/control_fixture.hpp"

namespace tandem::control_http_server_test {

using tandem::master::eventually;

namespace asio = boost::asio;

namespace {

// A server on its own loop whose handler tells what it was asked.
class EchoServer {
 public:
  explicit EchoServer(HttpServerOptions options = {})
      : server_(loop_, options,
                [this](const ControlRequest& request) -> asio::awaitable<ControlResponse> {
                  if (request.path == "/throw") throw std::runtime_error("as asked");
                  ++handled;
                  if (request.path == "/slow") co_await wait_for_release();
                  co_return ControlResponse{
                      .body = fmt::format("{} {}?{} {} {}", request.method, request.path,
                                          request.query, request.body.size(), request.peer),
                      .content_type = "text/plain",
                      .trusts = request.path == "/heartbeat"};
                }) {
    const auto bound = server_.listen({"127.0.0.1", 0});
    REQUIRE(bound.ok());
    port = bound->port;
    server_.start();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~EchoServer() {
    asio::post(loop_, [this] { server_.stop(); });
    thread_.join();
  }
  // Requests for /slow are answered from now on.
  void release() {
    asio::post(loop_, [this] { release_.cancel(); });
  }
  std::atomic<unsigned> slow_requests{0};  // that wait or have waited
  std::atomic<unsigned> handled{0};
  // Its loop does nothing for as long as the answer lives.
  std::shared_ptr<void> freeze() {
    auto thaw = std::make_shared<std::promise<void>>();
    std::promise<void> frozen;
    asio::post(loop_, [&frozen, thawed = thaw->get_future().share()] {
      frozen.set_value();
      thawed.wait();
    });
    frozen.get_future().wait();
    return {thaw.get(), [thaw](void*) { thaw->set_value(); }};
  }
  std::uint16_t port = 0;

 private:
  asio::awaitable<void> wait_for_release() {
    ++slow_requests;
    boost::system::error_code ignored;
    co_await release_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  asio::io_context loop_{1};
  asio::steady_timer release_{loop_, asio::steady_timer::time_point::max()};
  HttpServer server_;
  std::thread thread_;
};

// A blocking socket; reads give up after five seconds.
class Wire {
 public:
  explicit Wire(const EchoServer& server) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(fd_ >= 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Wire() { ::close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // what the server answers to that is what the test looks at
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // All that arrives until `end` has arrived.
  std::string read_until(std::string_view end) {
    while (received_.find(end) == std::string::npos && read_some()) {
    }
    const auto place = received_.find(end);
    const auto size = place == std::string::npos ? received_.size() : place + end.size();
    auto text = received_.substr(0, size);
    received_.erase(0, size);
    return text;
  }
  // One answer with a Content-Length.
  std::string read_answer() {
    auto text = read_until("\r\n\r\n");
    const auto field = text.find("Content-Length: ");
    if (field == std::string::npos) return text;
    const auto size = std::stoul(text.substr(field + 16));
    while (received_.size() < size && read_some()) {
    }
    text += received_.substr(0, size);
    received_.erase(0, size);
    return text;
  }
  // True when the server closes, with nothing more to say.
  bool is_closed() {
    char byte;
    return received_.empty() && ::recv(fd_, &byte, 1, 0) == 0;
  }

 private:
  bool read_some() {
    char part[4096];
    const auto got = ::recv(fd_, part, sizeof part, 0);
    if (got <= 0) return false;
    received_.append(part, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  std::string received_;
};

std::string post(std::size_t body_bytes) {
  return fmt::format("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body_bytes,
                     std::string(body_bytes, 'b'));
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a connection takes request after request") {
  EchoServer server;
  Wire wire(server);
  for (int i = 0; i < 3; ++i) {
    wire.send("GET /a/b?c=d HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answer = wire.read_answer();
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\nDate: "));
    CHECK(has(answer, "\r\nContent-Type: text/plain\r\n"));
    CHECK(has(answer, "\r\nConnection: keep-alive\r\n"));
    CHECK(answer.ends_with("\r\n\r\nGET /a/b?c=d 0 127.0.0.1"));
  }
}

TEST_CASE("a change whose sender has left before it is read is not made, whatever it sent more") {
  EchoServer server;
  const auto handled = [&] { return server.handled.load(); };
  {
    const auto frozen = server.freeze();
    Wire leaving(server);
    leaving.send(post(10));
    Wire leaving_more_behind(server);
    leaving_more_behind.send(post(10) + post(70));
    Wire reading(server);
    reading.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  // Connections are accepted in their order, and read soon after.
  Wire staying(server);
  staying.send(post(10));
  CHECK(has(staying.read_answer(), "\r\nTandem-Control: 1\r\n"));
  CHECK(eventually([&] { return handled() == 2; }));  // the one that reads, and the one that stays
  staying.send(post(10));
  CHECK(has(staying.read_answer(), "POST /x? 10 "));
  CHECK(handled() == 3);
}

TEST_CASE("requests sent at once are answered one by one") {
  EchoServer server;
  Wire wire(server);
  wire.send(post(10) + post(70) + "GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(has(wire.read_answer(), "POST /x? 10 "));
  CHECK(has(wire.read_answer(), "POST /x? 70 "));
  CHECK(has(wire.read_answer(), "GET /last? 0 "));
}

TEST_CASE("a request that arrives byte by byte is one request") {
  EchoServer server;
  Wire wire(server);
  for (const char byte : post(5)) wire.send({&byte, 1});
  CHECK(has(wire.read_answer(), "POST /x? 5 "));
}

TEST_CASE("a body of the greatest size is taken, one byte more is refused with 413") {
  EchoServer server;
  Wire wire(server);
  wire.send(post(limits::control_body_bytes_max));
  CHECK(has(wire.read_answer(), fmt::format("POST /x? {} ", limits::control_body_bytes_max)));
  wire.send(post(limits::control_body_bytes_max + 1));
  const auto answer = wire.read_answer();
  CHECK(answer.starts_with("HTTP/1.1 413 "));
  CHECK(has(answer, R"("code":"invalid")"));
  CHECK(has(answer, "at most 65536 bytes"));
  CHECK(wire.is_closed());
}

TEST_CASE("a client that sends far too much still reads why it was refused") {
  EchoServer server;
  Wire wire(server);
  wire.send(post(limits::discarded_bytes_max / 2));
  CHECK(wire.read_answer().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("a chunked body is measured as it comes") {
  EchoServer server;
  const auto chunked = [](std::size_t chunks) {
    std::string text = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t i = 0; i < chunks; ++i)
      text += fmt::format("400\r\n{}\r\n", std::string(1024, 'b'));
    return text + "0\r\n\r\n";
  };
  Wire wire(server);
  wire.send(chunked(64));
  CHECK(has(wire.read_answer(), "POST /x? 65536 "));
  wire.send(chunked(65));
  CHECK(wire.read_answer().starts_with("HTTP/1.1 413 "));
  CHECK(wire.is_closed());
}

TEST_CASE("a head that is too long is refused with 431") {
  EchoServer server;
  const auto with_field = [](std::size_t bytes) {
    return fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", std::string(bytes, 'x'));
  };
  const auto fixed = with_field(0).size();
  Wire wire(server);
  wire.send(with_field(limits::control_header_bytes_max - fixed - 16));
  CHECK(wire.read_answer().starts_with("HTTP/1.1 200 "));
  wire.send(with_field(limits::control_header_bytes_max + 1));
  CHECK(wire.read_answer().starts_with("HTTP/1.1 431 "));
  CHECK(wire.is_closed());
}

TEST_CASE("what is no proper request is refused with 400 and the connection closed") {
  EchoServer server;
  for (const auto* text :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"}) {
    INFO(text);
    Wire wire(server);
    wire.send(text);
    CHECK(wire.read_answer().starts_with("HTTP/1.1 400 "));
    CHECK(wire.is_closed());
  }
}

TEST_CASE("a client that waits to be told so sends its body") {
  EchoServer server;
  Wire wire(server);
  wire.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(wire.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("body");
  CHECK(has(wire.read_answer(), "POST /x? 4 "));
}

TEST_CASE("HTTP/1.0 and Connection: close end with the answer") {
  EchoServer server;
  for (const auto* text :
       {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}) {
    Wire wire(server);
    wire.send(text);
    const auto answer = wire.read_answer();
    CHECK(answer.starts_with("HTTP/1.1 200 "));
    CHECK(has(answer, "\r\nConnection: close\r\n"));
    CHECK(wire.is_closed());
  }
}

TEST_CASE("a target in absolute form names the same path") {
  EchoServer server;
  Wire wire(server);
  wire.send("GET http://a.example/path?q HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(has(wire.read_answer(), "GET /path?q 0 "));
  wire.send("GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(has(wire.read_answer(), "GET /? 0 "));
}

TEST_CASE("a HEAD has no body, and what follows on the connection is understood") {
  EchoServer server;
  Wire wire(server);
  wire.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /g HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto head = wire.read_until("\r\n\r\n");
  CHECK(has(head, "Content-Length: 20\r\n"));
  CHECK(has(wire.read_answer(), "GET /g? 0 "));
}

TEST_CASE("a handler that throws costs one request, not the server") {
  EchoServer server;
  Wire wire(server);
  wire.send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = wire.read_answer();
  CHECK(answer.starts_with("HTTP/1.1 500 "));
  CHECK(!has(answer, "as asked"));
  wire.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(wire.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a connection that is idle for too long is closed") {
  EchoServer server({.idle_max = 20ms});
  Wire never_used(server);
  CHECK(never_used.is_closed());
  Wire used(server);
  used.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(used.read_answer().starts_with("HTTP/1.1 200 "));
  CHECK(used.is_closed());
}

TEST_CASE("a request that never becomes whole is given up") {
  EchoServer server({.request_max = 20ms});
  for (const auto* text : {"G", "GET / HTTP/1.1\r\nHos",
                           "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"}) {
    Wire wire(server);
    wire.send(text);
    CHECK(wire.is_closed());
  }
}

namespace {

bool is_served(Wire& wire, std::string_view path = "/x") {
  wire.send(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path));
  return wire.read_answer().starts_with("HTTP/1.1 200 ");
}

}  // namespace

TEST_CASE("the stranger that has been idle for longest leaves for a newcomer") {
  EchoServer server({.connections_max = 3, .strangers_max = 2});
  Wire first(server);
  REQUIRE(is_served(first));
  Wire silent(server);
  REQUIRE(is_served(silent));
  REQUIRE(is_served(first));  // it is the other that has been idle for longest now
  Wire third(server);
  CHECK(is_served(third));
  CHECK(silent.is_closed());
  CHECK(is_served(first));
}

TEST_CASE("half a request does not keep a stranger's connection") {
  EchoServer server({.connections_max = 1, .strangers_max = 1});
  Wire slow(server);
  REQUIRE(is_served(slow));
  slow.send("GET / HTTP/1.1\r\nHo");
  Wire newcomer(server);
  CHECK(is_served(newcomer));
  CHECK(slow.is_closed());
}

TEST_CASE("a connection that has sent a heartbeat is closed for no stranger") {
  EchoServer server({.connections_max = 2, .strangers_max = 2});
  Wire worker(server);
  REQUIRE(is_served(worker, "/heartbeat"));
  for (int i = 0; i < 10; ++i) {
    Wire stranger(server);
    CHECK(is_served(stranger));
  }
  CHECK(is_served(worker));
  Wire other(server);
  REQUIRE(is_served(other, "/heartbeat"));
  Wire one_too_many(server);
  CHECK(!is_served(one_too_many));
  CHECK(is_served(worker));
  CHECK(is_served(other));
}

TEST_CASE("a connection that has presented the token is closed for no stranger") {
  const auto admit = [](const ControlRequest& request) {
    return Admission{.refusal = {}, .trusts = request.path == "/token"};
  };
  EchoServer server({.connections_max = 1, .strangers_max = 1, .admit = admit});
  Wire member(server);
  REQUIRE(is_served(member, "/token"));
  Wire stranger(server);
  CHECK(!is_served(stranger));
  CHECK(is_served(member));
}

TEST_CASE("a stranger's request that is being answered is not interrupted") {
  EchoServer server({.connections_max = 1, .strangers_max = 1});
  Wire asking(server);
  asking.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(eventually([&] { return server.slow_requests == 1; }));
  Wire newcomer(server);
  CHECK(!is_served(newcomer));
  server.release();
  CHECK(asking.read_answer().starts_with("HTTP/1.1 200 "));
  Wire next(server);
  CHECK(is_served(next));
}

TEST_CASE("connections that are closed give their slots back") {
  EchoServer server({.connections_max = 2, .strangers_max = 2});
  for (int i = 0; i < 20; ++i) {
    Wire wire(server);
    CHECK(is_served(wire, i % 2 == 0 ? "/heartbeat" : "/x"));
    wire.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(wire.read_answer().starts_with("HTTP/1.1 200 "));
    CHECK(wire.is_closed());
  }
}

}  // namespace tandem::control_http_server_test
