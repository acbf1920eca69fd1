// Requests whose end is not certain (RFC 9112 §6): two readers might part them differently.
#include "refusal.hpp"

namespace tandem::test::refused_framing_test {
namespace {

std::string chunked(const std::string& body) {
  return with_field("Transfer-Encoding: chunked") + body;
}

[[maybe_unused]] const bool lengths = each_row_is_a_case<Refused>(
    "refused (RFC 9112 §6.3)",
    {
        {"Content-Length with Transfer-Encoding",
         with_field("Content-Length: 3\r\nTransfer-Encoding: chunked")},
        {"Transfer-Encoding with Content-Length",
         with_field("Transfer-Encoding: chunked\r\nContent-Length: 3")},
        {"differing Content-Lengths", with_field("Content-Length: 3\r\nContent-Length: 4")},
        {"a list of differing Content-Lengths", with_field("Content-Length: 3, 4")},
        {"a signed Content-Length", with_field("Content-Length: +3")},
        {"a negative Content-Length", with_field("Content-Length: -3")},
        {"a hexadecimal Content-Length", with_field("Content-Length: 0x3")},
        {"a Content-Length with an exponent", with_field("Content-Length: 3e1")},
        {"a Content-Length with a fraction", with_field("Content-Length: 3.0")},
        {"an empty Content-Length", with_field("Content-Length: ")},
        {"an empty member in a Content-Length list", with_field("Content-Length: 3,,4")},
        {"a Content-Length with a space inside", with_field("Content-Length: 1 0")},
        {"a Content-Length with a letter behind", with_field("Content-Length: 3a")},
        {"an overflowing Content-Length", with_field("Content-Length: 18446744073709551616")},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool codings = each_row_is_a_case<Refused>(
    "refused (RFC 9112 §6.1)",
    {
        {"chunked not last", with_field("Transfer-Encoding: chunked, identity")},
        {"chunked twice in two fields",
         with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
        {"chunked twice in one field", with_field("Transfer-Encoding: chunked, chunked")},
        {"chunked in quotes", with_field("Transfer-Encoding: \"chunked\"")},
        {"chunked with a parameter", with_field("Transfer-Encoding: chunked;q=1")},
        {"chunked behind a vertical tab", with_field("Transfer-Encoding: \vchunked")},
        {"an empty Transfer-Encoding", with_field("Transfer-Encoding: ")},
        {"an unknown coding with a Content-Length",
         with_field("Content-Length: 3\r\nTransfer-Encoding: gzip")},
        {"an empty member of a Transfer-Encoding list", with_field("Transfer-Encoding: ,chunked")},
        {"an unknown coding that is no token", with_field("Transfer-Encoding: g(p, chunked")},
        {"Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool unknown_codings = each_row_is_a_case<Refused>(
    "a transfer coding that is not known (RFC 9112 §6.1)",
    {
        {"alone", with_field("Transfer-Encoding: xchunked"), 501},
        {"before chunked", with_field("Transfer-Encoding: gzip, chunked"), 501},
        {"with a parameter", with_field("Transfer-Encoding: gzip;level=1, chunked"), 501},
        {"in a line of its own",
         with_field("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501},
        {"identity", with_field("Transfer-Encoding: identity"), 501},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool underscores = each_row_is_a_case<Refused>(
    "a field that frames in CGI's variables (RFC 3875 §4.1.18)",
    {
        {"Content_Length", with_field("Content_Length: 3")},
        {"Transfer_Encoding", with_field("transfer_encoding: chunked")},
        {"beside the true one", with_field("Content-Length: 0\r\nCONTENT_LENGTH: 3")},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool chunks = each_row_is_a_case<Refused>(
    "a broken chunked body (RFC 9112 §7.1)",
    {
        {"a signed size", chunked("+1\r\na\r\n0\r\n\r\n")},
        {"a negative size", chunked("-1\r\na\r\n0\r\n\r\n")},
        {"a size with a prefix", chunked("0x1\r\na\r\n0\r\n\r\n")},
        {"a size with an underscore", chunked("1_0\r\na\r\n0\r\n\r\n")},
        {"an overflowing size", chunked("fffffffffffffffff\r\na\r\n0\r\n\r\n")},
        {"a size of many zeros", chunked("00000000000000001\r\na\r\n0\r\n\r\n")},
        {"an empty size", chunked("\r\na\r\n0\r\n\r\n")},
        {"a bare LF after the size", chunked("1\na\r\n0\r\n\r\n")},
        {"a bare CR after the size", chunked("1\ra\r\n0\r\n\r\n")},
        {"garbage after a chunk", chunked("1\r\nab\r\n0\r\n\r\n")},
        {"a bare LF after a chunk", chunked("1\r\na\n0\r\n\r\n")},
        {"a space before the size", chunked(" 1\r\na\r\n0\r\n\r\n")},
        {"a space after the size", chunked("1 \r\na\r\n0\r\n\r\n")},
        {"a letter behind a space after the size", chunked("1 a\r\na\r\n0\r\n\r\n")},
        {"a size after a space", chunked("1 1\r\na\r\n0\r\n\r\n")},
        {"spaces without end", chunked("1" + std::string(2000, ' ') + ";a\r\na\r\n0\r\n\r\n")},
        {"a control character in an extension", chunked("1;a=\x01\r\na\r\n0\r\n\r\n")},
        {"a bare LF in an extension", chunked("1;a\nb\r\na\r\n0\r\n\r\n")},
        {"an extension without end", chunked("1;" + std::string(2000, 'a') + "\r\na\r\n0\r\n\r\n")},
        {"a trailer without a colon", chunked("0\r\nabc\r\n\r\n")},
        {"a trailer with a space before the colon", chunked("0\r\nabc : 1\r\n\r\n")},
        {"a folded trailer", chunked("0\r\na: 1\r\n b\r\n\r\n")},
        {"a NUL in a trailer", chunked(std::string("0\r\na: \0\r\n\r\n", 11))},
        {"a bare CR after a chunk", chunked("1\r\na\r0\r\n\r\n")},
        {"a bare CR after a trailer", chunked("0\r\na: 1\rb: 2\r\n\r\n")},
        {"a bare CR after the trailers", chunked("0\r\n\r0\r\n\r\n")},
        {"a bare LF after a trailer", chunked("0\r\na: 1\n\r\n")},
        {"trailers without end", chunked("0\r\n" + std::string(20'000, 'a') + ": 1\r\n\r\n")},
        {"a last chunk without its empty line", chunked("0\r\n0\r\n\r\n")},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::refused_framing_test
