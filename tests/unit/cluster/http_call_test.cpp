// The one call of the control plane's clients, before servers that do as they like.
#include <thread>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/http/http_call.hpp"
#include "tests/unit/cluster/members_fixture.hpp"

namespace tandem::cluster::http_call_test {

namespace asio = boost::asio;
using asio::ip::tcp;
using End = HttpOutcome::End;

namespace {

// Accepts one connection, takes the request, and answers with the given bytes.
class ByteServer {
 public:
  enum class Then { close, stay };

  ByteServer(asio::io_context& loop, std::string answer, Then then = Then::close)
      : acceptor_(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        socket_(loop),
        answer_(std::move(answer)),
        then_(then) {
    acceptor_.async_accept(socket_, [this](auto error) {
      if (!error) serve();
    });
  }

  Endpoint address() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
  std::string request;
  bool saw_end = false;  // the client has closed its connection

 private:
  void serve() {
    asio::async_read_until(socket_, asio::dynamic_buffer(request), "\r\n\r\n",
                           [this](auto error, auto) {
                             if (error) return;
                             asio::async_write(socket_, asio::buffer(answer_), [this](auto, auto) {
                               boost::system::error_code ignored;
                               if (then_ == Then::close) socket_.close(ignored);
                               if (then_ == Then::stay) await_end();
                             });
                           });
  }
  void await_end() {
    socket_.async_read_some(asio::buffer(rest_), [this](auto error, auto) {
      saw_end = error.failed();
      if (!error) await_end();
    });
  }

  tcp::acceptor acceptor_;
  tcp::socket socket_;
  std::string answer_;
  Then then_;
  std::array<char, 256> rest_{};
};

struct Caller {
  asio::io_context loop{1};
  HttpCalls calls{loop};
  std::optional<HttpOutcome> outcome;

  void begin(std::vector<Endpoint> addresses, HttpRequest request = {},
             HttpCallOptions options = {}) {
    asio::co_spawn(loop, keep(std::move(addresses), std::move(request), options), asio::detached);
  }
  HttpOutcome call(std::vector<Endpoint> addresses, HttpRequest request = {},
                   HttpCallOptions options = {}) {
    begin(std::move(addresses), std::move(request), options);
    REQUIRE(run_until(loop, [this] { return outcome.has_value(); }));
    return *outcome;
  }
  HttpOutcome call(Endpoint address, std::shared_ptr<Conversation> conversation) {
    asio::co_spawn(loop, keep(std::move(address), std::move(conversation)), asio::detached);
    REQUIRE(run_until(loop, [this] { return outcome.has_value(); }));
    return *outcome;
  }
  HttpOutcome answer_of(std::string bytes, HttpRequest request = {}, HttpCallOptions options = {}) {
    ByteServer server(loop, std::move(bytes));
    return call({server.address()}, std::move(request), options);
  }

 private:
  asio::awaitable<void> keep(std::vector<Endpoint> addresses, HttpRequest request,
                             HttpCallOptions options) {
    auto calling = calls.call(std::move(addresses), std::move(request), options);
    outcome = co_await std::move(calling);
  }
  asio::awaitable<void> keep(Endpoint address, std::shared_ptr<Conversation> conversation) {
    std::vector<Endpoint> addresses{std::move(address)};
    HttpCallOptions options{.total_max = 60s, .tick_every = 1ms};
    auto calling = calls.call(std::move(addresses), std::move(conversation), std::move(options));
    outcome = co_await std::move(calling);
  }
};

// Takes connections and never looks at them.
struct SilentServer {
  explicit SilentServer(asio::io_context& loop)
      : acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}
  Endpoint address() const { return {"127.0.0.1", acceptor.local_endpoint().port()}; }
  tcp::acceptor acceptor;
};

// Says something at its third tick, and is over when it is answered, or at the last one.
struct Ticked : Conversation {
  void begin(const Endpoint&) override {}
  void pull(std::string& out) override { out += std::exchange(words, {}); }
  void feed(std::string_view bytes) override { heard += bytes; }
  void tick() override {
    if (++ticks == 3) words += "three\r\n\r\n";
  }
  bool is_over() const override { return !heard.empty() || ticks >= ticks_max; }

  std::string words;
  std::string heard;
  int ticks = 0;
  int ticks_max = 1'000'000;
};

Endpoint closed_port(asio::io_context& loop) { return SilentServer(loop).address(); }

}  // namespace

TEST_CASE("a call sends one request and gives the answer whole") {
  Caller caller;
  ByteServer server(caller.loop,
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-A: b\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  const auto outcome =
      caller.call({server.address()},
                  {.method = "POST", .target = "/x?y=1", .fields = "A: 1\r\n", .body = "{}"});
  REQUIRE(outcome.end == End::answered);
  CHECK(outcome.answer.status == 201);
  CHECK(outcome.answer.field("x-a") == "b");
  CHECK(outcome.answer.field("x-b").empty());
  CHECK(outcome.answer.body == "abcde");
  CHECK(outcome.address == server.address());
  CHECK_THAT(server.request, Catch::StartsWith("POST /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:") &&
                                 Catch::Contains("Connection: close\r\nA: 1\r\n"
                                                 "Content-Length: 2\r\n\r\n"));
}

TEST_CASE("an answer to HEAD has no body, whatever its length says") {
  const auto outcome =
      Caller().answer_of("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", {.method = "HEAD"});
  CHECK(outcome.end == End::answered);
  CHECK(outcome.answer.body.empty());
}

TEST_CASE("an answer without a length ends with the connection, and others are cut by it") {
  const auto whole = Caller().answer_of("HTTP/1.1 200 OK\r\n\r\nall of it");
  CHECK(whole.end == End::answered);
  CHECK(whole.answer.body == "all of it");
  CHECK_FALSE(whole.answer.keep_alive);
  const auto cut = Caller().answer_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of");
  CHECK(cut.end == End::broken);
  CHECK(cut.sent);
  CHECK(cut.begun);
  const auto silent = Caller().answer_of("");
  CHECK(silent.end == End::broken);
  CHECK(silent.sent);
  CHECK_FALSE(silent.begun);
}

TEST_CASE("an answer that could be read in two ways, or that nobody asked for, is refused") {
  const auto bytes =
      GENERATE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
               "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
               "SSH-2.0-OpenSSH_9.2\r\n\r\n");
  CAPTURE(bytes);
  CHECK(Caller().answer_of(bytes).end == End::malformed);
}

TEST_CASE("an answer is held up to its limits, and not beyond") {
  HttpCallOptions options;
  options.answer.body_bytes_max = 4;
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const auto with_length = [&](const std::string& body) {
    const auto text = head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return Caller().answer_of(text, {}, options);
  };
  CHECK(with_length("1234").answer.body == "1234");
  CHECK(with_length("12345").end == End::malformed);
  CHECK(Caller().answer_of(head + "\r\n12345", {}, options).end == End::malformed);
  options.answer.head_bytes_max = 64;
  const auto padded = [&](std::size_t bytes) {
    const std::string begin = head + "X: ";
    return begin + std::string(bytes - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(Caller().answer_of(padded(64), {}, options).end == End::answered);
  CHECK(Caller().answer_of(padded(65), {}, options).end == End::malformed);
}

TEST_CASE("where the head is the answer, a body that goes wrong does not matter") {
  HttpCallOptions options{.head_only = true};
  options.answer.body_bytes_max = 4;
  const auto length = GENERATE("2", "5000000");
  CAPTURE(length);
  const auto text = std::string("HTTP/1.1 503 No\r\nContent-Length: ") + length + "\r\n\r\n1";
  const auto outcome = Caller().answer_of(text, {}, options);
  CHECK(outcome.end == End::answered);
  CHECK(outcome.answer.status == 503);
}

TEST_CASE("where the head is the answer, one whose body never ends counts all the same") {
  Caller caller;
  ByteServer server(caller.loop, "HTTP/1.1 200 OK\r\n\r\nevent", ByteServer::Then::stay);
  const auto outcome = caller.call({server.address()}, {}, {.total_max = 50ms, .head_only = true});
  CHECK(outcome.end == End::answered);
  CHECK(run_until(caller.loop, [&] { return server.saw_end; }));
}

TEST_CASE("a call is refused only where all addresses refuse, and sends nothing then") {
  Caller caller;
  const auto outcome = caller.call({closed_port(caller.loop), closed_port(caller.loop)});
  CHECK(outcome.end == End::refused);
  CHECK_FALSE(outcome.sent);
  CHECK(Caller().call({{"no-such-host.invalid", 1}}).end == End::unreachable);
}

TEST_CASE("a call goes to the first address that accepts") {
  Caller caller;
  ByteServer server(caller.loop, "HTTP/1.1 204 No Content\r\n\r\n");
  const auto outcome = caller.call({closed_port(caller.loop), server.address()});
  CHECK(outcome.end == End::answered);
  CHECK(outcome.address == server.address());
}

TEST_CASE("a server that keeps silent is left when the time of the call is over") {
  Caller caller;
  SilentServer server(caller.loop);
  const auto outcome = caller.call({server.address()}, {}, {.total_max = 20ms});
  CHECK(outcome.end == End::timed_out);
  CHECK(outcome.sent);
}

TEST_CASE("a conversation that is ticked speaks before it is spoken to") {
  Caller caller;
  ByteServer server(caller.loop, "heard");
  const auto conversation = std::make_shared<Ticked>();
  const auto outcome = caller.call(server.address(), conversation);
  CHECK(outcome.end == End::answered);
  CHECK(conversation->heard == "heard");
  CHECK(server.request == "three\r\n\r\n");
}

TEST_CASE("a conversation that is ticked ends before a server that says and takes nothing") {
  for (const std::size_t bytes : {0, 64 * 1024 * 1024}) {
    Caller caller;
    SilentServer server(caller.loop);
    const auto conversation = std::make_shared<Ticked>();
    conversation->words.assign(bytes, 'x');
    conversation->ticks_max = 5;
    CHECK(caller.call(server.address(), conversation).end == End::answered);
    CHECK(conversation->ticks == 5);
  }
}

TEST_CASE("calls are cancelled at once from another thread, and none begins afterwards") {
  Caller caller;
  ByteServer server(caller.loop, "HTTP/1.1 200 OK\r\n\r\n", ByteServer::Then::stay);
  caller.begin({server.address()}, {}, {.total_max = 10min});
  REQUIRE(run_until(caller.loop, [&] { return !server.request.empty(); }));
  std::thread([&] { caller.calls.cancel(); }).join();
  REQUIRE(run_until(caller.loop, [&] { return caller.outcome.has_value(); }));
  CHECK(caller.outcome->end == End::cancelled);
  CHECK(caller.outcome->sent);
  CHECK(run_until(caller.loop, [&] { return server.saw_end; }));
  caller.outcome.reset();
  const auto late = caller.call({server.address()});
  CHECK(late.end == End::cancelled);
  CHECK_FALSE(late.sent);
}

}  // namespace tandem::cluster::http_call_test
