// Field lines that are not well-formed (RFC 9112 §5, RFC 9110 §5.5), and Host (RFC 9112 §3.2).
#include "refusal.hpp"

namespace tandem::test::refused_fields_test {
namespace {

std::string with_host(const std::string& host) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

[[maybe_unused]] const bool lines = each_row_is_a_case<Refused>(
    "refused (RFC 9112 §5)",
    {
        {"a bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
        {"bare LFs everywhere", "GET / HTTP/1.1\nHost: a\n\n"},
        {"a bare LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
        {"a bare LF for the empty line behind no field", "GET / HTTP/1.1\r\n\n"},
        {"a bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
        {"a bare CR in a value", with_field("X: a\rb")},
        {"a bare CR before the line's end", with_field("X: a\r")},
        {"a NUL in a value", with_field(std::string("X: a\0b", 6))},
        {"a NUL in a name", with_field(std::string("X\0: a", 5))},
        {"a control character in a value", with_field("X: a\x01"
                                                      "b")},
        {"a DEL in a value", with_field("X: a\x7f")},
        {"a space before the colon", with_field("X : a")},
        {"a tab before the colon", with_field("X\t: a")},
        {"an empty field name", with_field(": a")},
        {"a field name that is no token", with_field("X(: a")},
        {"a field name beyond ASCII", with_field("X\xc3\xa4: a")},
        {"a line without a colon", with_field("X")},
        {"a first field line that begins with a space", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {"a first field line that begins with a tab",
         "GET / HTTP/1.1\r\n\tX: a\r\nHost: a\r\n\r\n"},
        {"a folded field", with_field("X: a\r\n b")},
        {"a field folded by a tab", with_field("X: a\r\n\tb")},
        {"a folded Transfer-Encoding", with_field("Transfer-Encoding:\r\n chunked")},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool hosts = each_row_is_a_case<Refused>(
    "refused (RFC 9112 §3.2)",
    {
        {"no Host in HTTP/1.1", "GET / HTTP/1.1\r\n\r\n"},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        {"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
        {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
        {"no Host behind absolute-form", "GET http://a/ HTTP/1.1\r\n\r\n"},
        {"a Host with a space", with_host("a b")},
        {"a Host with a path", with_host("a/b")},
        {"a list of Hosts", with_host("a, b")},
        {"a Host with user information", with_host("u@a")},
        {"a Host with a port that is no number", with_host("a:b")},
        {"a Host with a port over 65535", with_host("a:65536")},
        {"a Host with two ports", with_host("a:1:2")},
        {"an IPv6 address without brackets", with_host("::1")},
        {"an IPv6 address whose bracket does not close", with_host("[::1")},
        {"an IPv6 address with garbage behind it", with_host("[::1]a")},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool meanings = each_row_is_a_case<Refused>(
    "refused (RFC 9110)",
    {
        {"§10.1.1: an unknown expectation", with_field("Expect: 200-ok"), 417},
        {"§10.1.1: an unknown expectation of HEAD",
         "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417},
        {"§9.3.8: TRACE with content", "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"},
        {"§9.3.8: TRACE with chunks",
         "TRACE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"§7.6.2: Max-Forwards of TRACE is no number",
         "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n"},
        {"§7.6.2: Max-Forwards is negative",
         "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: -1\r\n\r\n"},
        {"§7.6.2: Max-Forwards twice",
         "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n"},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::refused_fields_test
