// What becomes of a request of HTTP/2 on its way to a worker of HTTP/1, byte by byte.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <future>

#include "h2_case.hpp"

namespace tandem::test::h2_as_http1_test {

using namespace std::string_literals;

namespace {

// A worker that hands out the bytes of its first connection as they come.
class ByteWorker {
 public:
  explicit ByteWorker(std::size_t expected)
      : origin_([this, expected](Origin&, RawSocket& socket) {
          std::string bytes;
          try {
            bytes = socket.read_exactly(expected);
          } catch (const std::runtime_error&) {
            bytes = socket.read_to_end();
          }
          socket.send(ok("hello"));
          received_.set_value(bytes + socket.read_to_end());
        }) {}
  std::uint16_t port() const { return origin_.port(); }
  // All of it, once the connection has ended.
  std::string received() { return future_.get(); }

 private:
  std::promise<std::string> received_;
  std::future<std::string> future_ = received_.get_future();
  Origin origin_;
};

struct Translation {
  std::string why;
  std::string frames;
  std::string line = "GET / HTTP/1.1";
  std::string host = "a";
  std::string fields{};  // between Host and what the gateway says of itself
  std::string rest{};    // behind the last field of the gateway's own
  std::string body{};    // with its framing
};

// The worker's bytes, with the fields that the gateway adds.
std::string head_of(const Translation& row, std::uint16_t port) {
  return fmt::format(
      "{}\r\nHost: {}\r\n{}Via: 2.0 tandem-test\r\nX-Forwarded-For: 127.0.0.1\r\n"
      "X-Forwarded-Port: {}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: {}\r\n"
      "X-Request-Id: 7\r\n{}\r\n{}",
      row.line, row.host, row.fields, port, row.host, row.rest, row.body);
}

std::string with(h2::Fields fields, std::uint8_t flags = h2::end_stream) {
  fields.emplace_back("x-request-id", "7");
  return h2::headers(1, h2::block(fields), flags);
}
std::string get1(const h2::Fields& more = {}) { return with(h2::get(more)); }
std::string post1(const h2::Fields& more = {}) { return with(h2::post(more), h2::no_flags); }
std::string method1(std::string_view method) { return with(h2::get_with(":method", method)); }
std::string trailers(const h2::Fields& fields) {
  return h2::headers(1, h2::block(fields), h2::end_stream);
}

void check_translation(const Translation& row) {
  // The gateway's port is not known yet, and has as many digits as any.
  ByteWorker worker(head_of(row, 50'000).size());
  std::string expected;
  {
    Gateway gateway({worker.port()});
    expected = head_of(row, gateway.port());
    H2Client client(gateway.port());
    client.send(row.frames);
    const auto& answer = client.finish(1);
    CHECK(answer.status() == 200);
    if (!row.line.starts_with("HEAD")) CHECK(answer.body == "hello");
  }
  CHECK(worker.received() == expected);
}

[[maybe_unused]] const bool targets = each_row_is_a_case<Translation>(
    "HTTP/2 as HTTP/1",
    {
        {"GET", get1()},
        {"a path with a query", with(h2::get_with(":path", "/a/b?c=d&e")),
         "GET /a/b?c=d&e HTTP/1.1"},
        {"a path that looks like another host", with(h2::get_with(":path", "//b/c")),
         "GET //b/c HTTP/1.1"},
        {"line's ends as percents stay percents", with(h2::get_with(":path", "/%0d%0aX:%20y")),
         "GET /%0d%0aX:%20y HTTP/1.1"},
        {"dots in a path stay", with(h2::get_with(":path", "/a/../b/./c")),
         "GET /a/../b/./c HTTP/1.1"},
        {"an unknown method", method1("PURGE"), "PURGE / HTTP/1.1"},
        {"a method in small letters is another", method1("get"), "get / HTTP/1.1"},
        {"the method PRI", method1("PRI"), "PRI / HTTP/1.1"},
        {"HEAD", method1("HEAD"), "HEAD / HTTP/1.1"},
        {"an :authority with a port", with(h2::get_with(":authority", "b:8080")), "GET / HTTP/1.1",
         "b:8080"},
        {"an :authority that is an address", with(h2::get_with(":authority", "[::1]:80")),
         "GET / HTTP/1.1", "[::1]:80"},
        {"an :authority in capitals", with(h2::get_with(":authority", "A.Example")),
         "GET / HTTP/1.1", "A.Example"},
        {"Host in place of :authority",
         with({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b:1"}}),
         "GET / HTTP/1.1", "b:1"},
        {"Host beside :authority is :authority", get1({{"host", "a:80"}})},
        {"a scheme of another port says nothing", with(h2::get_with(":scheme", "https"))},
        {"pseudo-fields in another order",
         with({{":path", "/p"}, {":authority", "a"}, {":scheme", "http"}, {":method", "GET"}}),
         "GET /p HTTP/1.1"},
    },
    check_translation, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool fields = each_row_is_a_case<Translation>(
    "HTTP/2 as HTTP/1",
    {
        {"fields in their order", get1({{"x-b", "1"}, {"x-a", "2"}, {"x-b", "3"}}),
         "GET / HTTP/1.1", "a", "x-b: 1\r\nx-a: 2\r\nx-b: 3\r\n"},
        {"an empty value", get1({{"x", ""}}), "GET / HTTP/1.1", "a", "x: \r\n"},
        {"white space inside a value", get1({{"x", "a \t b"}}), "GET / HTTP/1.1", "a",
         "x: a \t b\r\n"},
        {"a value beyond ASCII", get1({{"x", "\xc3\xa4\xff"}}), "GET / HTTP/1.1", "a",
         "x: \xc3\xa4\xff\r\n"},
        {"colons in a value", get1({{"x", "y: z"}}), "GET / HTTP/1.1", "a", "x: y: z\r\n"},
        {"cookies in pieces are one field",
         get1({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}),
         "GET / HTTP/1.1", "a", "cookie: a=1; b=2; c=3\r\nx: y\r\n"},
        {"empty pieces of cookies leave nothing behind",
         get1({{"cookie", ""}, {"cookie", "a=1"}, {"cookie", ""}}), "GET / HTTP/1.1", "a",
         "cookie: a=1\r\n"},
        {"TE: trailers is an option of the connection", get1({{"te", "trailers"}}),
         "GET / HTTP/1.1", "a", "", "Connection: TE\r\nTE: trailers\r\n"},
        {"priority is passed on (RFC 9218)", get1({{"priority", "u=1, i"}}), "GET / HTTP/1.1", "a",
         "priority: u=1, i\r\n"},
        {"Via is appended to", get1({{"via", "1.1 other"}}), "GET / HTTP/1.1", "a",
         "via: 1.1 other\r\n"},
        {"what a stranger says of itself is dropped", get1({{"x-forwarded-for", "1.2.3.4"},
                                                            {"x-forwarded-proto", "https"},
                                                            {"forwarded", "for=1.2.3.4"},
                                                            {"x-real-ip", "1.2.3.4"},
                                                            {"x_forwarded_for", "1.2.3.4"},
                                                            {"tandem-term", "9"},
                                                            {"tandem-pass", "x"}})},
        {"names with underscores are dropped", get1({{"x_a", "1"}, {"x-a", "2"}}), "GET / HTTP/1.1",
         "a", "x-a: 2\r\n"},
        {"names that look like pseudo-fields are names", get1({{"method", "PUT"}, {"path", "/b"}}),
         "GET / HTTP/1.1", "a", "method: PUT\r\npath: /b\r\n"},
    },
    check_translation, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool bodies = each_row_is_a_case<Translation>(
    "HTTP/2 as HTTP/1",
    {
        {"content that is here as a whole", post1() + h2::data(1, "hi", h2::end_stream),
         "POST / HTTP/1.1", "a", "Content-Length: 2\r\n", "", "hi"},
        {"content in pieces, all here",
         post1() + h2::data(1, "h") + h2::data(1, "") + h2::data(1, "i", h2::end_stream),
         "POST / HTTP/1.1", "a", "Content-Length: 2\r\n", "", "hi"},
        {"content that ends with an empty frame",
         post1() + h2::data(1, "hi") + h2::data(1, "", h2::end_stream), "POST / HTTP/1.1", "a",
         "Content-Length: 2\r\n", "", "hi"},
        {"padding stays behind",
         post1() + h2::data(1, "\x03hi\r\n\r"s, h2::end_stream | h2::padded), "POST / HTTP/1.1",
         "a", "Content-Length: 2\r\n", "", "hi"},
        {"no content, and the head ends", with(h2::post()), "POST / HTTP/1.1", "a"},
        {"no content, and an empty frame ends", post1() + h2::data(1, "", h2::end_stream),
         "POST / HTTP/1.1", "a", "Content-Length: 0\r\n"},
        {"Content-Length that is right",
         post1({{"content-length", "2"}}) + h2::data(1, "hi", h2::end_stream), "POST / HTTP/1.1",
         "a", "Content-Length: 2\r\n", "", "hi"},
        {"Content-Length with zeros in front",
         post1({{"content-length", "002"}}) + h2::data(1, "hi", h2::end_stream), "POST / HTTP/1.1",
         "a", "Content-Length: 2\r\n", "", "hi"},
        {"Content-Length of 0", with(h2::post({{"content-length", "0"}})), "POST / HTTP/1.1", "a",
         "Content-Length: 0\r\n"},
        {"content of a GET", with(h2::get(), h2::no_flags) + h2::data(1, "hi", h2::end_stream),
         "GET / HTTP/1.1", "a", "Content-Length: 2\r\n", "", "hi"},
        {"content that looks like chunks and a request",
         post1() + h2::data(1, "0\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n", h2::end_stream),
         "POST / HTTP/1.1", "a", "Content-Length: 33\r\n", "",
         "0\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n"},
        {"trailers", post1() + h2::data(1, "hi") + trailers({{"x-t", "1"}, {"x-u", "2"}}),
         "POST / HTTP/1.1", "a", "Transfer-Encoding: chunked\r\n", "",
         "2\r\nhi\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n"},
        {"trailers that must not be trailers are dropped",
         post1() + h2::data(1, "hi") +
             trailers({{"authorization", "x"},
                       {"content-type", "y"},
                       {"tandem-term", "9"},
                       {"x-forwarded-for", "1.2.3.4"},
                       {"content_length", "9"},
                       {"x-t", "1"}}),
         "POST / HTTP/1.1", "a", "Transfer-Encoding: chunked\r\n", "",
         "2\r\nhi\r\n0\r\nx-t: 1\r\n\r\n"},
    },
    check_translation, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("HTTP/2 as HTTP/1: a hundred cookies in a field each are one field") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  h2::Fields cookies;
  std::string joined;
  for (int i = 0; i < 150; ++i) {
    cookies.emplace_back("cookie", fmt::format("c{}={}", i, i));
    joined += fmt::format("{}c{}={}", i == 0 ? "" : "; ", i, i);
  }
  CHECK(client.get("/", cookies).status() == 200);
  CHECK(origin.requests().at(0).field("cookie") == joined);
  CHECK(origin.requests().at(0).count("cookie") == 1);
}

namespace {

struct Broken {
  std::string why;
  h2::Fields fields;
  std::string end;  // malformed
};

// Its body is streamed: more is to come than is gathered, or the worker is to ask for it.
[[maybe_unused]] const bool broken = each_row_is_a_case<Broken>(
    "HTTP/2 as HTTP/1: a streamed body is never ended as whole by",
    {
        {"an end before Content-Length",
         {{"content-length", "100000"}},
         h2::data(1, "x", h2::end_stream)},
        {"a pseudo-field in trailers", {{"content-length", "100000"}}, trailers({{":path", "/"}})},
        {"a pseudo-field in trailers, without a length",
         {{"expect", "100-continue"}},
         trailers({{":path", "/"}})},
        {"a field of the connection in trailers",
         {{"expect", "100-continue"}},
         trailers({{"connection", "close"}})},
        {"a name in capitals in trailers", {{"expect", "100-continue"}}, trailers({{"X-T", "1"}})},
        {"trailers that do not end the stream",
         {{"expect", "100-continue"}},
         h2::headers(1, h2::block({{"x-t", "1"}}))},
    },
    [](const Broken& row) {
      std::promise<std::string> seen;
      Origin origin([&](Origin&, RawSocket& socket) {
        const auto head = socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 100 Continue\r\n\r\n");
        seen.set_value(head + socket.read_to_end());
      });
      Gateway gateway({origin.port()});
      H2Client client(gateway.port());
      client.send(h2::headers(1, h2::block(h2::post(row.fields))) +
                  h2::data(1, std::string(16'000, 'x')));
      client.interim_of(1, 1);
      client.send(row.end);
      CHECK(client.finish(1).reset == h2::protocol_error);
      const auto bytes = seen.get_future().get();
      CHECK(bytes.size() < 20'000);
      CHECK_FALSE(bytes.ends_with("0\r\n\r\n"));
      CHECK(gateway.reported_failures() == 0);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("HTTP/2 as HTTP/1: an opening of a WebSocket says nothing of content, keys or TE") {
  std::promise<std::string> head;
  Origin origin([&](Origin&, RawSocket& socket) {
    head.set_value(socket.read_until("\r\n\r\n"));
    socket.send(ok("no"));
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(h2::headers(1, h2::block({{":method", "CONNECT"},
                                        {":protocol", "websocket"},
                                        {":scheme", "http"},
                                        {":path", "/chat"},
                                        {":authority", "a"},
                                        {"content-length", "0"},
                                        {"te", "trailers"},
                                        {"sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="},
                                        {"sec-websocket-accept", "x"},
                                        {"sec-websocket-version", "13"}})));
  CHECK(client.finish(1).status() == 502);
  const auto seen = Message{head.get_future().get(), "", ""};
  CHECK(seen.start_line() == "GET /chat HTTP/1.1");
  CHECK(seen.count("Content-Length") == 0);
  CHECK(seen.count("Transfer-Encoding") == 0);
  CHECK(seen.count("TE") == 0);
  CHECK(seen.count("Sec-WebSocket-Key") == 1);
  CHECK(seen.field("Sec-WebSocket-Key") != "AAAAAAAAAAAAAAAAAAAAAA==");
  CHECK(seen.count("Sec-WebSocket-Accept") == 0);
  CHECK(seen.field("Upgrade") == "websocket");
  CHECK(seen.field("Connection") == "upgrade");
}

TEST_CASE("HTTP/2 as HTTP/1: an opening of a WebSocket that announces content is refused") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(h2::headers(1, h2::block({{":method", "CONNECT"},
                                        {":protocol", "websocket"},
                                        {":scheme", "http"},
                                        {":path", "/chat"},
                                        {":authority", "a"},
                                        {"content-length", "5"}})) +
              h2::data(1, "GET /"));
  CHECK(client.finish(1).status() == 400);
  CHECK(origin.request_count() == 0);
}

}  // namespace tandem::test::h2_as_http1_test
