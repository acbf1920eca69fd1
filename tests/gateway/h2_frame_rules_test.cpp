// RFC 9113 §3.4, §4, §5.5 and §7 at a gateway: the preface, frames as such, and error codes.
#include <catch2/catch.hpp>

#include "h2_case.hpp"

namespace tandem::test::h2_frame_rules_test {

using namespace std::string_literals;
using h2::frame;
using h2::frame_of_length;
using h2::get1;
using h2::post1;

namespace {

const auto get_block = h2::block(h2::get());
const auto open1 = h2::open_headers(1, get_block.substr(0, 10), h2::end_stream);
const auto rest = get_block.substr(10);
const std::string bytes_max(16'384, 'x');

[[maybe_unused]] const bool format = each_row_is_a_case<H2Case>(
    "HTTP/2 §4.1",
    {
        {"a frame of an unknown type is left out", frame(0xee, 0xff, 0, "12345678"), alive()},
        {"a frame of an unknown type on a stream is left out",
         post1() + frame(0xee, 0, 1, "x") + h2::data(1, "x", h2::end_stream), answered()},
        {"a frame of an unknown type on an idle stream is left out", frame(0xee, 0, 7, "x"),
         alive()},
        {"a frame of an unknown type without content is left out", frame(0xee, 0, 0), alive()},
        {"unknown flags of PING are left out", frame(h2::ping_type, 0x16, 0, "12345678"), alive()},
        {"unknown flags of HEADERS are left out",
         h2::headers(1, get_block, h2::end_stream | 0x02 | 0x10 | 0x40 | 0x80), answered()},
        {"unknown flags of DATA are left out",
         post1() + h2::data(1, "x", h2::end_stream | 0x02 | 0x04 | 0x20 | 0x40), answered()},
        {"unknown flags of SETTINGS are left out", frame(h2::settings_type, 0xfe, 0), alive()},
        {"unknown flags of WINDOW_UPDATE are left out",
         frame(h2::window_update_type, 0xff, 0, "\0\0\0\1"s), alive()},
        {"unknown flags of RST_STREAM are left out",
         post1() + frame(h2::rst_stream_type, 0xff, 1, "\0\0\0\x08"s), alive()},
        {"the reserved bit of PING is left out",
         frame(h2::ping_type, 0, static_cast<std::int32_t>(0x80000000), "12345678"), alive()},
        {"the reserved bit of HEADERS is left out",
         frame(h2::headers_type, h2::end_stream | h2::end_headers,
               static_cast<std::int32_t>(0x80000001), get_block),
         answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool size = each_row_is_a_case<H2Case>(
    "HTTP/2 §4.2",
    {
        {"DATA of 16,384 bytes", post1() + h2::data(1, bytes_max, h2::end_stream), answered()},
        {"DATA beyond 16,384 bytes", post1() + h2::data(1, bytes_max + "x", h2::end_stream),
         connection_error(h2::frame_size_error)},
        {"HEADERS of 16,384 bytes", get1({{"x", std::string(16'384 - get_block.size() - 6, 'x')}}),
         answered()},
        {"HEADERS beyond 16,384 bytes", get1({{"x", bytes_max}}),
         connection_error(h2::frame_size_error)},
        {"CONTINUATION beyond 16,384 bytes", open1 + h2::continuation(1, bytes_max + "x"),
         connection_error(h2::frame_size_error)},
        {"SETTINGS beyond 16,384 bytes", frame(h2::settings_type, 0, 0, std::string(16'386, '\0')),
         connection_error(h2::frame_size_error)},
        {"a frame of an unknown type beyond 16,384 bytes", frame_of_length(0xffffff, 0xee, 0, 0),
         connection_error(h2::frame_size_error)},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool blocks = each_row_is_a_case<H2Case>(
    "HTTP/2 §4.3",
    {
        {"a field block that is no HPACK", h2::headers(1, "\x40", h2::end_stream),
         connection_error(h2::compression_error)},
        {"a field block that breaks off", h2::headers(1, get_block.substr(0, 10), h2::end_stream),
         connection_error(h2::compression_error)},
        {"a field block that breaks off in CONTINUATION",
         open1 + h2::continuation(1, rest.substr(0, 5), h2::end_headers),
         connection_error(h2::compression_error)},
        {"trailers that are no HPACK",
         post1() + h2::data(1, "x") + h2::headers(1, "\xff\xff\xff\xff\xff", h2::end_stream),
         connection_error(h2::compression_error)},
        {"PRIORITY inside a field block",
         open1 + h2::priority(1) + h2::continuation(1, rest, h2::end_headers), connection_error()},
        {"HEADERS of another stream inside a field block",
         open1 + h2::headers(3, get_block, h2::end_stream), connection_error()},
        {"HEADERS of the same stream inside a field block",
         open1 + h2::headers(1, rest, h2::end_stream), connection_error()},
        {"DATA of another stream inside a field block", open1 + h2::data(3, "x"),
         connection_error()},
        {"SETTINGS inside a field block", open1 + h2::settings(), connection_error()},
        {"PING inside a field block", open1 + h2::ping(), connection_error()},
        {"RST_STREAM inside a field block", open1 + h2::rst_stream(1, h2::cancel),
         connection_error()},
        {"WINDOW_UPDATE inside a field block", open1 + h2::window_update(0, 1), connection_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool extensions = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.5",
    {
        {"many frames of unknown types are left out",
         frame(0x0b, 0, 0, "x") + frame(0x16, 0, 0, "12345678") + frame(0xfa, 1, 0, ""), alive()},
        {"a frame of an unknown type inside a field block",
         open1 + frame(0x16, 0, 0, "12345678") + h2::continuation(1, rest, h2::end_headers),
         connection_error()},
        {"PRIORITY_UPDATE of RFC 9218 is left out", frame(0x10, 0, 0, "\0\0\0\x01u=0"s) + get1(),
         answered()},
        {"ORIGIN and ALTSVC of a client are left out",
         frame(0x0c, 0, 0, "\0\1a"s) + frame(0x0a, 0, 0, "\0\1a"s), alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool codes =
    each_row_is_a_case<H2Case>("HTTP/2 §7",
                               {
                                   {"GOAWAY with an unknown code ends the connection as any other",
                                    h2::goaway(0, 0xff), closed()},
                                   {"RST_STREAM with an unknown code ends its stream as any other",
                                    post1() + h2::rst_stream(1, 0xff), alive()},
                               },
                               check_h2, CATCH_INTERNAL_LINEINFO);

struct Preface {
  std::string why;
  std::string bytes;
};

// What begins so is HTTP/1, or nothing.
[[maybe_unused]] const bool prefaces = each_row_is_a_case<Preface>(
    "HTTP/2 §3.4: no preface, and the connection is closed",
    {
        {"other words", "INVALID CONNECTION PREFACE\r\n\r\n"},
        {"another end", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\x0b" + h2::settings() + get1()},
        {"another version", "PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n" + h2::settings() + get1()},
        {"its second half", "SM\r\n\r\n" + h2::settings() + get1()},
        {"frames without it", h2::settings() + get1()},
    },
    [](const Preface& row) {
      Origin origin(always(ok("hello")));
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(row.bytes);
      const auto answer = client.read_to_end();
      CHECK((answer.empty() || answer.starts_with("HTTP/1.1 4") ||
             answer.starts_with("HTTP/1.1 505")));
      CHECK(origin.request_count() == 0);
    },
    CATCH_INTERNAL_LINEINFO);

// Behind a whole preface.
[[maybe_unused]] const bool beginnings = each_row_is_a_case<Preface>(
    "HTTP/2 §3.4: the first frame must be SETTINGS",
    {
        {"and not PING", h2::ping()},
        {"and not HEADERS", get1()},
        {"and no acknowledgement", h2::settings_ack()},
        {"and not PRIORITY", h2::priority(1)},
        {"and of no unknown type", frame(0xee, 0, 0, "x")},
    },
    [](const Preface& row) {
      Origin origin(always(ok("hello")));
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(std::string(h2::preface) + row.bytes);
      h2::Frame last;
      while (last.type != h2::goaway_type) last = read_frame(client);
      CHECK(last.number(4) == h2::protocol_error);
      CHECK(client.closes());
      CHECK(origin.request_count() == 0);
    },
    CATCH_INTERNAL_LINEINFO);

h2::Frame read_content(RawSocket& socket) {
  for (;;) {
    auto frame = read_frame(socket);
    if (frame.type == h2::data_type) return frame;
  }
}

}  // namespace

TEST_CASE("HTTP/2 §3.4: the first frame of the server is SETTINGS") {
  Gateway gateway(std::vector<std::uint16_t>{});
  auto client = gateway.connect();
  client.send(std::string(h2::preface) + h2::settings({{h2::initial_window_size, 65'535}}));
  const auto first = read_frame(client);
  CHECK(first.type == h2::settings_type);
  CHECK_FALSE(first.has(h2::ack));
  CHECK(first.stream == 0);
  CHECK(first.payload.size() % 6 == 0);
}

TEST_CASE("HTTP/2 §3.4: a preface that comes byte by byte is one") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (const char byte : std::string(h2::preface) + h2::settings() + get1()) {
    client.send({&byte, 1});
  }
  CHECK(read_content(client).payload == "hello");
}

TEST_CASE("HTTP/2 §3.4: requests in one segment with the preface are served") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(std::string(h2::preface) + h2::settings() + get1());
  const auto content = read_content(client);
  CHECK(content.payload == "hello");
  CHECK(content.has(h2::end_stream));
}

}  // namespace tandem::test::h2_frame_rules_test
