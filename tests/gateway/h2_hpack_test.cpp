// RFC 7541 at a gateway: each representation of a field is read, and what is none ends the
// connection.
#include <catch2/catch.hpp>

#include "h2_case.hpp"

namespace tandem::test::h2_hpack_test {

using namespace std::string_literals;

namespace {

const auto get_block = h2::block(h2::get());

std::string get_with_block(const std::string& representations) {
  return h2::headers(1, get_block + representations, h2::end_stream);
}

[[maybe_unused]] const bool errors = each_row_is_a_case<H2Case>(
    "HPACK",
    {
        {"§2.3.3: an index beyond both tables", get_with_block("\xfe"),
         connection_error(h2::compression_error)},
        {"§2.3.3: a name beyond both tables", get_with_block("\x7e\x01x"),
         connection_error(h2::compression_error)},
        {"§4.2: the table's size changes behind a field", get_with_block("\x21"),
         connection_error(h2::compression_error)},
        {"§5.1: a number without end", get_with_block("\0\x7f\xff\xff\xff\xff\xff\xff\xff\x01"s),
         connection_error(h2::compression_error)},
        {"§5.2: a string longer than the block", get_with_block("\0\x01x\x09short"s),
         connection_error(h2::compression_error)},
        // "no-cache" of appendix C, spoilt.
        {"§5.2: Huffman's padding is longer than seven bits",
         get_with_block("\0\x01x\x87\xa8\xeb\x10\x64\x9c\xbf\xff"s),
         connection_error(h2::compression_error)},
        {"§5.2: Huffman's padding is zeros", get_with_block("\0\x01x\x86\xa8\xeb\x10\x64\x9c\xbe"s),
         connection_error(h2::compression_error)},
        {"§5.2: Huffman's end of string",
         get_with_block("\0\x01x\x87\xff\xff\xff\xff\xa8\xeb\x10"s),
         connection_error(h2::compression_error)},
        {"§6.1: index 0", get_with_block("\x80"), connection_error(h2::compression_error)},
        {"§6.3: a table larger than allowed",
         h2::headers(1, h2::hpack_number(4'097, 5, 0x20) + get_block, h2::end_stream),
         connection_error(h2::compression_error)},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

struct Representation {
  std::string why;
  std::string bytes;  // of one field
  std::string name, value;
};

// Literals of "custom-key: custom-value", and "cache-control: no-cache" (appendix C).
const auto plain = "\x0a"s + "custom-key" + "\x0c" + "custom-value";
const auto huffman =
    "\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"s;
const auto no_cache = "\x08no-cache"s;
const auto huffman_no_cache = "\x86\xa8\xeb\x10\x64\x9c\xbf"s;

[[maybe_unused]] const bool representations = each_row_is_a_case<Representation>(
    "HPACK",
    {
        {"§6.1: a field of the static table", "\x90", "accept-encoding", "gzip, deflate"},
        {"§6.1: a field without a value of the static table", "\xba", "user-agent", ""},
        {"§6.2.1: indexed, a known name", "\x58" + no_cache, "cache-control", "no-cache"},
        {"§6.2.1: indexed, a known name, Huffman", "\x58" + huffman_no_cache, "cache-control",
         "no-cache"},
        {"§6.2.1: indexed, a new name", "\x40" + plain, "custom-key", "custom-value"},
        {"§6.2.1: indexed, a new name, Huffman", "\x40" + huffman, "custom-key", "custom-value"},
        {"§6.2.2: not indexed, a known name", "\x0f\x09" + no_cache, "cache-control", "no-cache"},
        {"§6.2.2: not indexed, a known name, Huffman", "\x0f\x09" + huffman_no_cache,
         "cache-control", "no-cache"},
        {"§6.2.2: not indexed, a new name", "\0"s + plain, "custom-key", "custom-value"},
        {"§6.2.2: not indexed, a new name, Huffman", "\0"s + huffman, "custom-key", "custom-value"},
        {"§6.2.3: never indexed, a known name", "\x1f\x09" + no_cache, "cache-control", "no-cache"},
        {"§6.2.3: never indexed, a known name, Huffman", "\x1f\x09" + huffman_no_cache,
         "cache-control", "no-cache"},
        {"§6.2.3: never indexed, a new name", "\x10" + plain, "custom-key", "custom-value"},
        {"§6.2.3: never indexed, a new name, Huffman", "\x10" + huffman, "custom-key",
         "custom-value"},
    },
    [](const Representation& row) {
      Origin origin(always(ok("hello")));
      Gateway gateway({origin.port()});
      H2Client client(gateway.port());
      client.send(get_with_block(row.bytes));
      CHECK(client.finish(1).status() == 200);
      const auto request = origin.requests().at(0);
      CHECK(request.count(row.name) == 1);
      CHECK(request.field(row.name) == row.value);
    },
    CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool sizes = each_row_is_a_case<H2Case>(
    "HPACK §6.3",
    {
        {"a table of nothing", h2::headers(1, "\x20" + get_block, h2::end_stream), answered()},
        {"the table's size changes twice",
         h2::headers(1, "\x20" + h2::hpack_number(4'096, 5, 0x20) + get_block, h2::end_stream),
         answered()},
        {"the largest table that is allowed",
         h2::headers(1, h2::hpack_number(4'096, 5, 0x20) + get_block, h2::end_stream), answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("HPACK §2.3.2: what one request has put into the table the next may name") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(get_with_block("\x40" + plain));
  client.finish(1);
  client.send(h2::headers(3, get_block + "\xbe", h2::end_stream));
  CHECK(client.finish(3).status() == 200);
  CHECK(origin.requests().at(1).field("custom-key") == "custom-value");
}

TEST_CASE("HPACK §4.3: what a request has put into the table is there although it was refused") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  // Its path is malformed.
  client.send(
      h2::headers(1, h2::block(h2::get_with(":path", "x")) + "\x40" + plain, h2::end_stream) +
      h2::headers(3, get_block + "\xbe", h2::end_stream));
  CHECK(client.finish(1).reset == h2::protocol_error);
  CHECK(client.finish(3).status() == 200);
  CHECK(origin.requests().at(0).field("custom-key") == "custom-value");
}

}  // namespace tandem::test::h2_hpack_test
