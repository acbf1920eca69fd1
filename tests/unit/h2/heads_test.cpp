// Heads that break RFC 9113 §8, or would as HTTP/1 (§10.3), and what seems to and does not.
#include <catch2/catch.hpp>

#include "verdict.hpp"

namespace tandem::test::heads_test {
namespace {

const auto post1 = h2::headers(1, h2::block(h2::post()));

std::string without(std::string_view pseudo) { return request(h2::get_with(pseudo, "")); }
std::string with(std::string_view pseudo, std::string_view value) {
  return request(h2::get_with(pseudo, value));
}
std::string with_length(std::string_view length, std::uint8_t flags = h2::no_flags) {
  return request(h2::post({{"content-length", std::string(length)}}), flags);
}
std::string trailers(const h2::Fields& fields, std::uint8_t flags = h2::end_stream) {
  return post1 + h2::data(1, "x") + h2::headers(1, h2::block(fields), flags);
}

[[maybe_unused]] const bool messages = each_row_is_a_case<Sent>(
    "RFC 9113 §8.1",
    {
        {"§8.1: trailers that do not end the stream", trailers({{"x-t", "1"}}, 0), stream_error()},
        {"§8.1: trailers", trailers({{"x-t", "1"}}), accepted("trailers 1 1")},
        {"§8.1: trailers without a field", trailers({}), accepted("end 1")},
        {"§8.1: a pseudo-field in trailers", trailers({{":path", "/x"}}), stream_error()},
        {"§8.1: an unknown pseudo-field in trailers", trailers({{":x", "y"}}), stream_error()},
        {"§8.1: a field of the connection in trailers", trailers({{"connection", "close"}}),
         stream_error()},
        {"§8.1: Transfer-Encoding in trailers", trailers({{"transfer-encoding", "chunked"}}),
         stream_error()},
        {"§8.1: a name in capitals in trailers", trailers({{"X-T", "1"}}), stream_error()},
        {"§8.1: a line's end in a trailer", trailers({{"x-t", "1\r\nx: y"}}), stream_error()},
        {"§8.1.1: Content-Length with too little content",
         with_length("5") + h2::data(1, "four", h2::end_stream), stream_error()},
        {"§8.1.1: Content-Length with too much content",
         with_length("3") + h2::data(1, "four", h2::end_stream), stream_error()},
        {"§8.1.1: Content-Length with too little content in two frames",
         with_length("5") + h2::data(1, "a") + h2::data(1, "b", h2::end_stream), stream_error()},
        {"§8.1.1: Content-Length without content", with_length("5", h2::end_stream),
         stream_error()},
        {"§8.1.1: Content-Length with too little content before trailers",
         with_length("5") + h2::data(1, "four") +
             h2::headers(1, h2::block({{"x-t", "1"}}), h2::end_stream),
         stream_error()},
        {"§8.1.1: Content-Length that is right",
         with_length("4") + h2::data(1, "fo") + h2::data(1, "ur", h2::end_stream),
         accepted("end 1")},
        {"§8.1.1: Content-Length of 0 without content", with_length("0", h2::end_stream),
         accepted("head 1 POST a / ends")},
        {"§8.1.1: two Content-Lengths",
         request(h2::post({{"content-length", "4"}, {"content-length", "4"}}), 0), stream_error()},
        {"§8.1.1: Content-Length that is a list", with_length("4, 4"), stream_error()},
        {"§8.1.1: Content-Length with a sign", with_length("+4"), stream_error()},
        {"§8.1.1: a negative Content-Length", with_length("-4"), stream_error()},
        {"§8.1.1: Content-Length in hexadecimal", with_length("0x4"), stream_error()},
        {"§8.1.1: an empty Content-Length", with_length(""), stream_error()},
        {"§8.1.1: a Content-Length beyond 2^63", with_length("9223372036854775808"),
         stream_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool fields = each_row_is_a_case<Sent>(
    "RFC 9113 §8.2",
    {
        {"§8.2.1: a name in capitals", get_with_field("X-A", "b"), stream_error()},
        {"§8.2.1: one capital in a name", get_with_field("x-aB", "b"), stream_error()},
        {"§8.2.1: an empty name", get_with_field("", "b"), stream_error()},
        {"§8.2.1: a space in a name", get_with_field("x a", "b"), stream_error()},
        {"§8.2.1: a space behind a name", get_with_field("x ", "b"), stream_error()},
        {"§8.2.1: a colon in a name", get_with_field("x:a", "b"), stream_error()},
        {"§8.2.1: a line's end in a name", get_with_field("x\r\ny", "b"), stream_error()},
        {"§8.2.1: a LF in a name", get_with_field("x\ny", "b"), stream_error()},
        {"§8.2.1: a NUL in a name", get_with_field("x\0y"s, "b"), stream_error()},
        {"§8.2.1: a DEL in a name", get_with_field("x\x7f", "b"), stream_error()},
        {"§8.2.1: a name beyond ASCII", get_with_field("x\xc3\xa4", "b"), stream_error()},
        {"§8.2.1: a name that is no token", get_with_field("x(", "b"), stream_error()},
        {"§8.2.1: a line's end in a value", get_with_field("x", "a\r\nhost: b"), stream_error()},
        {"§8.2.1: a CR in a value", get_with_field("x", "a\rb"), stream_error()},
        {"§8.2.1: a LF in a value", get_with_field("x", "a\nb"), stream_error()},
        {"§8.2.1: a NUL in a value", get_with_field("x", "a\0b"s), stream_error()},
        {"§8.2.1: a control character in a value", get_with_field("x", "a\x01"), stream_error()},
        {"§8.2.1: a DEL in a value", get_with_field("x", "a\x7f"), stream_error()},
        {"§8.2.1: a value that begins with a space", get_with_field("x", " a"), stream_error()},
        {"§8.2.1: a value that begins with a tab", get_with_field("x", "\ta"), stream_error()},
        {"§8.2.1: a value that ends with a space", get_with_field("x", "a "), stream_error()},
        {"§8.2.1: a value that ends with a tab", get_with_field("x", "a\t"), stream_error()},
        {"§8.2.1: spaces inside a value", get_with_field("x", "a \t b"),
         accepted("head 1 GET a / ends")},
        {"§8.2.1: an empty value", get_with_field("x", ""), accepted("head 1 GET a / ends")},
        {"§8.2.1: a value beyond ASCII", get_with_field("x", "\xc3\xa4"),
         accepted("head 1 GET a / ends")},
        {"§8.2.2: Connection", get_with_field("connection", "keep-alive"), stream_error()},
        {"§8.2.2: Keep-Alive", get_with_field("keep-alive", "timeout=5"), stream_error()},
        {"§8.2.2: Proxy-Connection", get_with_field("proxy-connection", "close"), stream_error()},
        {"§8.2.2: Transfer-Encoding", get_with_field("transfer-encoding", "chunked"),
         stream_error()},
        {"§8.2.2: Upgrade", get_with_field("upgrade", "websocket"), stream_error()},
        {"§8.2.2: TE: trailers", get_with_field("te", "trailers"), accepted("head 1 GET a / ends")},
        {"§8.2.2: TE: gzip", get_with_field("te", "gzip"), stream_error()},
        {"§8.2.2: TE: trailers, gzip", get_with_field("te", "trailers, gzip"), stream_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool pseudo_fields = each_row_is_a_case<Sent>(
    "RFC 9113 §8.3",
    {
        {"§8.3: an unknown pseudo-field", with(":x", "y"), stream_error()},
        {"§8.3: a pseudo-field of responses", with(":status", "200"), stream_error()},
        {"§8.3: a pseudo-field behind a field",
         request({{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {"x", "y"},
                  {":path", "/"}}),
         stream_error()},
        {"§8.3: two :methods",
         request({{":method", "GET"},
                  {":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"}}),
         stream_error()},
        {"§8.3: two :schemes",
         request({{":method", "GET"},
                  {":scheme", "http"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"}}),
         stream_error()},
        {"§8.3: two :paths",
         request({{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"},
                  {":path", "/"}}),
         stream_error()},
        {"§8.3: two :authorities",
         request({{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":authority", "a"},
                  {":path", "/"}}),
         stream_error()},
        {"§8.3.1: no :method", without(":method"), stream_error()},
        {"§8.3.1: no :scheme", without(":scheme"), stream_error()},
        {"§8.3.1: no :path", without(":path"), stream_error()},
        {"§8.3.1: neither :authority nor Host", without(":authority"), stream_error()},
        {"§8.3.1: an empty :path",
         request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}}),
         stream_error()},
        {"§8.3.1: an empty :method",
         request({{":method", ""}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}),
         stream_error()},
        {"§8.3.1: an empty :scheme",
         request({{":method", "GET"}, {":scheme", ""}, {":authority", "a"}, {":path", "/"}}),
         stream_error()},
        {"§8.3.1: an empty :authority",
         request({{":method", "GET"}, {":scheme", "http"}, {":authority", ""}, {":path", "/"}}),
         stream_error()},
        {"§8.3.1: a :path without a slash", with(":path", "x"), stream_error()},
        {"§8.3.1: a :path that is a URI", with(":path", "http://b/"), stream_error()},
        {"§8.3.1: the asterisk of another method than OPTIONS", with(":path", "*"), stream_error()},
        {"§8.3.1: the asterisk of OPTIONS",
         request(
             {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}}),
         accepted("head 1 OPTIONS a * ends")},
        {"§8.3.1: a user's name in :authority", with(":authority", "u@a"), stream_error()},
        {"§8.3.1: Host that differs from :authority", get_with_field("host", "b"), stream_error()},
        {"§8.3.1: Host with another port than :authority", get_with_field("host", "a:81"),
         stream_error()},
        {"§8.3.1: Host that is :authority", get_with_field("host", "a"),
         accepted("head 1 GET a / ends")},
        {"§8.3.1: Host that is :authority in capitals", get_with_field("host", "A"),
         accepted("head 1 GET a / ends")},
        {"§8.3.1: Host that is :authority with the scheme's port", get_with_field("host", "a:80"),
         accepted("head 1 GET a / ends")},
        {"§8.3.1: Host without :authority",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b"}}),
         accepted("head 1 GET b / ends")},
        {"§8.3.1: two Hosts", request(h2::get({{"host", "a"}, {"host", "a"}})), stream_error()},
        {"§8.5: CONNECT with :path",
         request({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}, 0),
         stream_error()},
        {"§8.5: CONNECT with :scheme",
         request({{":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a:1"}}, 0),
         stream_error()},
        {"§8.5: CONNECT without :authority", request({{":method", "CONNECT"}}, 0), stream_error()},
        {"RFC 8441 §4: :protocol without CONNECT", with(":protocol", "websocket"), stream_error()},
        {"RFC 8441 §4: :protocol without :path",
         request({{":method", "CONNECT"},
                  {":protocol", "websocket"},
                  {":scheme", "http"},
                  {":authority", "a"}},
                 0),
         stream_error()},
        {"RFC 8441 §4: :protocol without :scheme",
         request({{":method", "CONNECT"},
                  {":protocol", "websocket"},
                  {":path", "/"},
                  {":authority", "a"}},
                 0),
         stream_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool smuggling = each_row_is_a_case<Sent>(
    "RFC 9113 §10.3",
    {
        {"a request line in :method", with(":method", "GET / HTTP/1.1\r\nhost: b\r\n\r\nGET"),
         stream_error()},
        {"a space in :method", with(":method", "GET /b"), stream_error()},
        {"a method that is no token", with(":method", "G(T"), stream_error()},
        {"a request line in :path", with(":path", "/ HTTP/1.1\r\nhost: b\r\n\r\n"), stream_error()},
        {"a space in :path", with(":path", "/a b"), stream_error()},
        {"a tab in :path", with(":path", "/a\tb"), stream_error()},
        {"a NUL in :path", with(":path", "/a\0b"s), stream_error()},
        {"a :path beyond ASCII", with(":path", "/\xc3\xa4"), stream_error()},
        {"a :path that begins with a space", with(":path", " /a"), stream_error()},
        {"a :path that ends with a space", with(":path", "/a "), stream_error()},
        {"a line's end in :authority", with(":authority", "a\r\nx: y"), stream_error()},
        {"a space in :authority", with(":authority", "a b"), stream_error()},
        {"a path in :authority", with(":authority", "a/b"), stream_error()},
        {"a line's end in :scheme", with(":scheme", "http\r\nx: y"), stream_error()},
        {"a space in :scheme", with(":scheme", "http x"), stream_error()},
        {"a line's end in Host",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b\r\nx: y"}}),
         stream_error()},
        {"a line's end in :protocol",
         request({{":method", "CONNECT"},
                  {":protocol", "a\r\nb"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"}},
                 0),
         stream_error()},
        {"a line's end in a cookie", get_with_field("cookie", "a=1\r\nx: y"), stream_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool refusals = each_row_is_a_case<Sent>(
    "sound, and refused",
    {
        {"an :authority with a port over 65535", with(":authority", "a:65536"),
         accepted("head 1 GET a:65536 / refused 400 ends")},
        {"a fragment in :path", with(":path", "/a#b"),
         accepted("head 1 GET a /a#b refused 400 ends")},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a head with as many fields as allowed is served, and one more is refused") {
  for (const bool one_more : {false, true}) {
    Server server;
    h2::Fields more;
    for (std::size_t i = 4; i < tandem::limits::h2_head_fields_max + one_more; ++i) {
      more.emplace_back("x", "y");
    }
    server.get(1, more);
    CHECK(server.told.heads.at(1)->is_refused() == one_more);
    if (one_more) CHECK(server.told.heads.at(1)->refusal().status == 431);
  }
}

TEST_CASE(
    "trailers with as many fields as allowed are told, and with one more they end their stream") {
  for (const bool one_more : {false, true}) {
    Server server;
    const h2::Fields fields(tandem::limits::h2_head_fields_max + one_more, {"x", "y"});
    server.feed(post1 + h2::headers(1, h2::block(fields), h2::end_stream));
    CHECK(server.told.has("trailers 1 100") != one_more);
    CHECK(server.told.has("end 1") != one_more);
    CHECK(server.reset_code(1) == (one_more ? code(ErrorCode::protocol_error) : std::int64_t{-1}));
    CHECK(server.told.has("closed 1 1") == one_more);
  }
}

TEST_CASE("a head as long as allowed is served, and one byte more is refused") {
  for (const std::size_t extra : {0, 1}) {
    Server server;
    std::size_t used = 0;
    for (const auto& [name, value] : h2::get()) used += name.size() + value.size() + 32;
    const std::string value(tandem::limits::h2_head_bytes_max - used - 33 + extra, 'v');
    const auto block = h2::block(h2::get({{"x", value}}));
    std::string frames = h2::frame(h2::headers_type, h2::end_stream, 1, block.substr(0, 16'000));
    std::size_t at = 16'000;
    for (; block.size() - at > 16'000; at += 16'000) {
      frames += h2::frame(h2::continuation_type, 0, 1, block.substr(at, 16'000));
    }
    frames += h2::frame(h2::continuation_type, h2::end_headers, 1, block.substr(at));
    server.feed(frames);
    REQUIRE(server.told.heads.count(1) == 1);
    CHECK(server.told.heads.at(1)->is_refused() == (extra == 1));
  }
}

TEST_CASE("a head that unpacks to a megabyte ends the connection and holds no memory") {
  Server server;
  // One large field is put into the table, and named thousands of times.
  const auto bomb = h2::block(h2::get()) + h2::indexed_literal("x", std::string(3'000, 'v')) +
                    std::string(12'000, '\xbe');
  server.feed(h2::headers(1, bomb, h2::end_stream));
  CHECK(server.goaway_code() == code(ErrorCode::enhance_your_calm));
  CHECK(server.memory.bytes_in_use() < 64 * 1024);
}

}  // namespace tandem::test::heads_test
