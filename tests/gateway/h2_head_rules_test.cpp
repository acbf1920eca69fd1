// RFC 9113 §8 at a gateway: messages that are malformed reset their stream, and no worker hears of
// them.
#include "h2_case.hpp"

namespace tandem::test::h2_head_rules_test {

using namespace std::string_literals;
using h2::get1;
using h2::post1;

namespace {

std::string request(const h2::Fields& fields, std::uint8_t flags = h2::end_stream) {
  return h2::headers(1, h2::block(fields), flags);
}
std::string with(std::string_view pseudo, std::string_view value) {
  return request(h2::get_with(pseudo, value));
}
// In HEADERS and CONTINUATION.
std::string in_two(const h2::Fields& fields) {
  const auto block = h2::block(fields);
  return h2::open_headers(1, block.substr(0, 16'000), h2::end_stream) +
         h2::continuation(1, block.substr(16'000), h2::end_headers);
}
std::string without(std::string_view pseudo) { return with(pseudo, ""); }
// The pseudo-fields of GET, with one more behind them.
std::string and_also(const std::string& name, const std::string& value) {
  return get1({{name, value}});
}
std::string trailers(const h2::Fields& fields, std::uint8_t flags = h2::end_stream) {
  return post1() + h2::data(1, "test") + h2::headers(1, h2::block(fields), flags);
}
std::string with_length(const std::string& length) { return post1({{"content-length", length}}); }

[[maybe_unused]] const bool messages = each_row_is_a_case<H2Case>(
    "HTTP/2 §8.1",
    {
        {"a second HEADERS that does not end the stream", trailers({{"x-t", "1"}}, 0),
         stream_error()},
        {"a pseudo-field in trailers", trailers({{":method", "POST"}}), stream_error()},
        {"a pseudo-field in trailers that do not end the stream",
         trailers({{":method", "POST"}}, 0), stream_error()},
        {":status in trailers", trailers({{":status", "200"}}), stream_error()},
        {"an unknown pseudo-field in trailers", trailers({{":x", "y"}}), stream_error()},
        {"a field of the connection in trailers", trailers({{"connection", "close"}}),
         stream_error()},
        {"Transfer-Encoding in trailers", trailers({{"transfer-encoding", "chunked"}}),
         stream_error()},
        {"a name in capitals in trailers", trailers({{"X-T", "1"}}), stream_error()},
        {"a line's end in a trailer", trailers({{"x-t", "1\r\nx: y"}}), stream_error()},
        {"a whole request as trailers", trailers(h2::get()), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool lengths = each_row_is_a_case<H2Case>(
    "HTTP/2 §8.1.1",
    {
        {"more content than Content-Length says",
         with_length("1") + h2::data(1, "test", h2::end_stream), stream_error()},
        {"more content than Content-Length says, in two frames",
         with_length("1") + h2::data(1, "test") + h2::data(1, "test", h2::end_stream),
         stream_error()},
        {"less content than Content-Length says",
         with_length("5") + h2::data(1, "test", h2::end_stream), stream_error()},
        {"less content than Content-Length says before trailers",
         with_length("5") + h2::data(1, "test") +
             h2::headers(1, h2::block({{"x-t", "1"}}), h2::end_stream),
         stream_error()},
        {"no content, and Content-Length says some", request(h2::post({{"content-length", "5"}})),
         stream_error()},
        {"content of a GET, and Content-Length says other",
         h2::headers(1, h2::block(h2::get({{"content-length", "3"}}))) +
             h2::data(1, "test", h2::end_stream),
         stream_error()},
        {"padding counts for nothing",
         with_length("5") + h2::data(1, "\x01test\0"s, h2::end_stream | h2::padded),
         stream_error()},
        {"two Content-Lengths",
         post1({{"content-length", "4"}, {"content-length", "4"}}) +
             h2::data(1, "test", h2::end_stream),
         stream_error()},
        {"two Content-Lengths that differ",
         post1({{"content-length", "4"}, {"content-length", "5"}}) +
             h2::data(1, "test", h2::end_stream),
         stream_error()},
        {"Content-Length that is a list", with_length("4, 4"), stream_error()},
        {"Content-Length with a sign", with_length("+4"), stream_error()},
        {"a negative Content-Length", with_length("-4"), stream_error()},
        {"Content-Length in hexadecimal", with_length("0x4"), stream_error()},
        {"an empty Content-Length", with_length(""), stream_error()},
        {"Content-Length with a space", with_length("4 4"), stream_error()},
        {"a Content-Length beyond 2^63", with_length("9223372036854775808"), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool names = each_row_is_a_case<H2Case>(
    "HTTP/2 §8.2.1",
    {
        {"a name in capitals", and_also("X-TEST", "ok"), stream_error()},
        {"one capital in a name", and_also("x-aB", "b"), stream_error()},
        {"an empty name", and_also("", "b"), stream_error()},
        {"a name that is one colon", and_also(":", "b"), stream_error()},
        {"a space in a name", and_also("x a", "b"), stream_error()},
        {"a space before a name", and_also(" x", "b"), stream_error()},
        {"a space behind a name", and_also("x ", "b"), stream_error()},
        {"a tab behind a name", and_also("x\t", "b"), stream_error()},
        {"a colon in a name", and_also("x:", "b"), stream_error()},
        {"a field in a name", and_also("x: y\r\nhost", "b"), stream_error()},
        {"a CR in a name", and_also("x\ry", "b"), stream_error()},
        {"a LF in a name", and_also("x\ny", "b"), stream_error()},
        {"a NUL in a name", and_also("x\0y"s, "b"), stream_error()},
        {"a DEL in a name", and_also("x\x7f", "b"), stream_error()},
        {"a name beyond ASCII", and_also("x\xc3\xa4", "b"), stream_error()},
        {"a name that is no token", and_also("x(", "b"), stream_error()},
        {"a field in a value", and_also("x", "a\r\nhost: b"), stream_error()},
        {"a request in a value", and_also("x", "a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n"),
         stream_error()},
        {"a CR in a value", and_also("x", "a\rb"), stream_error()},
        {"a LF in a value", and_also("x", "a\nb"), stream_error()},
        {"a NUL in a value", and_also("x", "a\0b"s), stream_error()},
        {"a control character in a value", and_also("x", "a\x01"), stream_error()},
        {"a DEL in a value", and_also("x", "a\x7f"), stream_error()},
        {"a value that begins with a space", and_also("x", " a"), stream_error()},
        {"a value that begins with a tab", and_also("x", "\ta"), stream_error()},
        {"a value that ends with a space", and_also("x", "a "), stream_error()},
        {"a value that ends with a line's end", and_also("x", "a\r\n"), stream_error()},
        {"a value that is a space", and_also("x", " "), stream_error()},
        {"a line's end in a cookie", and_also("cookie", "a=1\r\nx: y"), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool of_connection = each_row_is_a_case<H2Case>(
    "HTTP/2 §8.2.2",
    {
        {"Connection", and_also("connection", "keep-alive"), stream_error()},
        {"an empty Connection", and_also("connection", ""), stream_error()},
        {"Connection that names a field", get1({{"connection", "x-a"}, {"x-a", "b"}}),
         stream_error()},
        {"Keep-Alive", and_also("keep-alive", "timeout=5"), stream_error()},
        {"Proxy-Connection", and_also("proxy-connection", "close"), stream_error()},
        {"Transfer-Encoding", and_also("transfer-encoding", "chunked"), stream_error()},
        {"Transfer-Encoding of a POST",
         post1({{"transfer-encoding", "chunked"}}) +
             h2::data(1, "0\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n", h2::end_stream),
         stream_error()},
        {"Transfer-Encoding: identity", and_also("transfer-encoding", "identity"), stream_error()},
        {"Upgrade", and_also("upgrade", "websocket"), stream_error()},
        {"Upgrade: h2c", get1({{"upgrade", "h2c"}, {"http2-settings", "AAMAAABk"}}),
         stream_error()},
        {"TE: gzip", and_also("te", "gzip"), stream_error()},
        {"TE: trailers, deflate", get1({{"trailers", "test"}, {"te", "trailers, deflate"}}),
         stream_error()},
        {"TE: trailers with q=0.5", and_also("te", "trailers;q=0.5"), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool pseudo_fields = each_row_is_a_case<H2Case>(
    "HTTP/2 §8.3",
    {
        {"an unknown pseudo-field", and_also(":test", "ok"), stream_error()},
        {"a pseudo-field of responses", and_also(":status", "200"), stream_error()},
        {"a pseudo-field in capitals", and_also(":PATH", "/"), stream_error()},
        {"all pseudo-fields behind a field",
         request({{"x-test", "ok"},
                  {":method", "GET"},
                  {":scheme", "http"},
                  {":path", "/"},
                  {":authority", "a"}}),
         stream_error()},
        {"one pseudo-field behind a field",
         request({{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {"x", "y"},
                  {":path", "/"}}),
         stream_error()},
        {"two :methods", and_also(":method", "GET"), stream_error()},
        {"two :schemes", and_also(":scheme", "http"), stream_error()},
        {"two :paths", and_also(":path", "/"), stream_error()},
        {"two :paths that differ", and_also(":path", "/b"), stream_error()},
        {"two :authorities", and_also(":authority", "a"), stream_error()},
        {"§8.3.1: no :method", without(":method"), stream_error()},
        {"§8.3.1: no :scheme", without(":scheme"), stream_error()},
        {"§8.3.1: no :path", without(":path"), stream_error()},
        {"§8.3.1: no pseudo-field at all", request({{"host", "a"}}), stream_error()},
        {"§8.3.1: no field at all", request({}), stream_error()},
        {"§8.3.1: neither :authority nor Host", without(":authority"), stream_error()},
        {"§8.3.1: an empty :path",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", ""}, {":authority", "a"}}),
         stream_error()},
        {"§8.3.1: an empty :method",
         request({{":method", ""}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
         stream_error()},
        {"§8.3.1: an empty :scheme",
         request({{":method", "GET"}, {":scheme", ""}, {":path", "/"}, {":authority", "a"}}),
         stream_error()},
        {"§8.3.1: an empty :authority",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", ""}}),
         stream_error()},
        {"§8.3.1: a :path without a slash", with(":path", "x"), stream_error()},
        {"§8.3.1: a :path that is a URI", with(":path", "http://b/"), stream_error()},
        {"§8.3.1: a :path that is a query alone", with(":path", "?a"), stream_error()},
        {"§8.3.1: the asterisk of another method than OPTIONS", with(":path", "*"), stream_error()},
        {"§8.3.1: a user's name in :authority", with(":authority", "u@a"), stream_error()},
        {"§8.3.1: Host that differs from :authority", and_also("host", "b"), stream_error()},
        {"§8.3.1: Host with another port than :authority", and_also("host", "a:81"),
         stream_error()},
        {"§8.3.1: an empty Host beside :authority", and_also("host", ""), stream_error()},
        {"§8.3.1: two Hosts", get1({{"host", "a"}, {"host", "a"}}), stream_error()},
        {"§8.5: CONNECT with :path",
         request({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}, 0),
         stream_error()},
        {"§8.5: CONNECT with :scheme",
         request({{":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a:1"}}, 0),
         stream_error()},
        {"§8.5: CONNECT without :authority", request({{":method", "CONNECT"}}, 0), stream_error()},
        {"RFC 8441 §4: :protocol without CONNECT", with(":protocol", "websocket"), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool smuggling = each_row_is_a_case<H2Case>(
    "HTTP/2 §10.3",
    {
        {"a request line in :method", with(":method", "GET / HTTP/1.1\r\nHost: b\r\n\r\nGET"),
         stream_error()},
        {"a space in :method", with(":method", "GET /b"), stream_error()},
        {"a method that is no token", with(":method", "G(T"), stream_error()},
        {"a request line in :path", with(":path", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /c"),
         stream_error()},
        {"a version in :path", with(":path", "/ HTTP/1.1"), stream_error()},
        {"a tab in :path", with(":path", "/a\tb"), stream_error()},
        {"a NUL in :path", with(":path", "/a\0b"s), stream_error()},
        {"a :path beyond ASCII", with(":path", "/\xc3\xa4"), stream_error()},
        {"a field in :authority", with(":authority", "a\r\nx: y"), stream_error()},
        {"a space in :authority", with(":authority", "a b"), stream_error()},
        {"a path in :authority", with(":authority", "a/b"), stream_error()},
        {"a field in :scheme", with(":scheme", "http\r\nx: y"), stream_error()},
        {"a URI in :scheme", with(":scheme", "http://b/?"), stream_error()},
        {"a field in Host",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b\r\nx: y"}}),
         stream_error()},
        {"a LF in :path", with(":path", "/\nx: y"), stream_error()},
        {"a CR in :authority", with(":authority", "a\rb"), stream_error()},
        {"a space at the end of :path", with(":path", "/a "), stream_error()},
        {"a space at the beginning of :path", with(":path", " /a"), stream_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

// Sound, and answered as over HTTP/1.
[[maybe_unused]] const bool refused = each_row_is_a_case<H2Case>(
    "HTTP/2: refused with an answer",
    {
        {"a field like Content-Length but for an underscore", and_also("content_length", "3"),
         answered(400)},
        {"a field like Transfer-Encoding but for an underscore",
         and_also("transfer_encoding", "chunked"), answered(400)},
        {"an :authority with a port over 65535", with(":authority", "a:65536"), answered(400)},
        {"a fragment in :path", with(":path", "/a#b"), answered(400)},
        {"a :path that is too long", in_two(h2::get_with(":path", "/" + std::string(17'000, 'a'))),
         answered(414)},
        {"a Host that is no host",
         request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a:b"}}),
         answered(400)},
        {"an expectation that nobody knows", and_also("expect", "200-ok"), answered(417)},
        {"TRACE with content",
         h2::headers(1, h2::block(h2::get_with(":method", "TRACE"))) +
             h2::data(1, "x", h2::end_stream),
         answered(400)},
        {"CONNECT", request({{":method", "CONNECT"}, {":authority", "a:443"}}, 0), answered(405)},
        {"101 fields", request([] {
           auto fields = h2::get();
           for (int i = 0; i < 97; ++i) fields.emplace_back("x-" + std::to_string(i), "y");
           return fields;
         }()),
         answered(431)},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::h2_head_rules_test
