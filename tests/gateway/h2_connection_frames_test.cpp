// RFC 9113 §6.5 to §6.10 and §8.4 at a gateway: SETTINGS, PUSH_PROMISE, PING, GOAWAY,
// WINDOW_UPDATE, CONTINUATION.
#include <catch2/catch.hpp>

#include "h2_case.hpp"

namespace tandem::test::h2_connection_frames_test {

using namespace std::string_literals;
using h2::frame;
using h2::get1;
using h2::post1;

namespace {

const auto get_block = h2::block(h2::get());
const auto more_block = h2::block({{"x-a", "b"}});
const auto open1 = h2::open_headers(1, get_block, h2::end_stream);
const auto open_post1 = h2::open_headers(1, h2::block(h2::post()));

std::string setting(std::uint16_t id, std::uint32_t value) { return h2::settings({{id, value}}); }

[[maybe_unused]] const bool settings = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.5",
    {
        {"an acknowledgement with content", frame(h2::settings_type, h2::ack, 0, "\0"s),
         connection_error(h2::frame_size_error)},
        {"SETTINGS of a stream", frame(h2::settings_type, 0, 1, "\0\3\0\0\0\x64"s),
         connection_error()},
        {"a length that is no multiple of six",
         frame(h2::settings_type, 0, 0, "\0\3\0\0\0\x64\0\2\0"s),
         connection_error(h2::frame_size_error)},
        {"ENABLE_PUSH that is neither 0 nor 1", setting(h2::enable_push, 2), connection_error()},
        {"INITIAL_WINDOW_SIZE beyond 2^31-1", setting(h2::initial_window_size, 0x80000000),
         connection_error(h2::flow_control_error)},
        {"MAX_FRAME_SIZE below 16,384", setting(h2::max_frame_size, 16'383), connection_error()},
        {"MAX_FRAME_SIZE beyond 2^24-1", setting(h2::max_frame_size, 1 << 24), connection_error()},
        {"ENABLE_CONNECT_PROTOCOL that is neither 0 nor 1", setting(h2::enable_connect_protocol, 2),
         connection_error()},
        {"an unknown setting is left out", setting(0xff, 1), alive()},
        {"the largest values are taken",
         h2::settings({{h2::header_table_size, 0xffffffff},
                       {h2::max_concurrent_streams, 0xffffffff},
                       {h2::initial_window_size, 0x7fffffff},
                       {h2::max_frame_size, (1 << 24) - 1},
                       {h2::max_header_list_size, 0xffffffff}}) +
             get1(),
         answered()},
        {"the least values are taken",
         h2::settings({{h2::header_table_size, 0},
                       {h2::enable_push, 0},
                       {h2::max_concurrent_streams, 0},
                       {h2::max_frame_size, 16'384},
                       {h2::max_header_list_size, 0}}) +
             get1(),
         answered()},
        {"an acknowledgement that nobody waits for", h2::settings_ack() + h2::settings_ack(),
         connection_error()},
        {"SETTINGS without a setting", h2::settings(), alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool push = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.6, §8.4",
    {
        {"PUSH_PROMISE of a client",
         frame(h2::push_promise_type, h2::end_headers, 1, "\0\0\0\3"s + get_block),
         connection_error()},
        {"PUSH_PROMISE on a stream that is open",
         post1() + frame(h2::push_promise_type, h2::end_headers, 1, "\0\0\0\2"s + get_block),
         connection_error()},
    },
    check_h2_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool ping = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.7",
    {
        {"PING of a stream", frame(h2::ping_type, 0, 1, "12345678"), connection_error()},
        {"PING that is too short", h2::ping("123456"), connection_error(h2::frame_size_error)},
        {"PING that is too long", h2::ping("1234567890"), connection_error(h2::frame_size_error)},
        {"an empty PING", h2::ping(""), connection_error(h2::frame_size_error)},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool goaway = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.8",
    {
        {"GOAWAY of a stream", frame(h2::goaway_type, 0, 1, std::string(8, '\0')),
         connection_error()},
        {"GOAWAY that is too short", frame(h2::goaway_type, 0, 0, "\0\0\0\0"s),
         connection_error(h2::frame_size_error)},
        {"GOAWAY, and the connection ends", h2::goaway(0, h2::no_error), closed()},
        {"GOAWAY with words, and the connection ends",
         frame(h2::goaway_type, 0, 0, std::string(8, '\0') + "farewell"), closed()},
        {"GOAWAY behind an answer, and the connection ends", get1(), closed(),
         h2::goaway(0, h2::no_error)},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool window_update = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.9",
    {
        {"an increment of 0 for the connection", h2::window_update(0, 0), connection_error()},
        {"an increment of 0 for a stream", post1() + h2::window_update(1, 0), connection_error()},
        {"WINDOW_UPDATE that is too short", frame(h2::window_update_type, 0, 0, "\0\0\1"s),
         connection_error(h2::frame_size_error)},
        {"WINDOW_UPDATE that is too long", frame(h2::window_update_type, 0, 0, "\0\0\0\0\1"s),
         connection_error(h2::frame_size_error)},
        {"for the connection", h2::window_update(0, 1) + get1(), answered()},
        {"for a stream", get1() + h2::window_update(1, 1), answered()},
        {"the reserved bit of the increment is left out", h2::window_update(0, 0x80000001) + get1(),
         answered()},
        {"§6.9.1: the connection's window beyond 2^31-1",
         h2::window_update(0, 0x7fffffff) + h2::window_update(0, 0x7fffffff),
         connection_error(h2::flow_control_error)},
        {"§6.9.1: a stream's window beyond 2^31-1",
         post1() + h2::window_update(1, 0x7fffffff) + h2::window_update(1, 0x7fffffff),
         stream_error(h2::flow_control_error)},
        {"§6.9.1: a stream's window as large as it may be",
         get1() + h2::window_update(1, 0x7fffffff - 65'535), answered()},
        {"§6.9.2: a setting makes a stream's window too large",
         post1() + h2::window_update(1, 0x7fff0000) + setting(h2::initial_window_size, 0x7fffffff),
         connection_error(h2::flow_control_error)},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool continuation = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.10",
    {
        {"CONTINUATION",
         h2::open_headers(1, get_block.substr(0, 5), h2::end_stream) +
             h2::continuation(1, get_block.substr(5), h2::end_headers),
         answered()},
        {"several CONTINUATIONs",
         open1 + h2::continuation(1, more_block) + h2::continuation(1, more_block, h2::end_headers),
         answered()},
        {"empty CONTINUATIONs",
         open1 + h2::continuation(1, "") + h2::continuation(1, "", h2::end_headers), answered()},
        {"DATA where CONTINUATION must be",
         open_post1 + h2::continuation(1, more_block) + h2::data(1, "test", h2::end_stream),
         connection_error()},
        {"CONTINUATION of the connection", open1 + h2::continuation(0, more_block, h2::end_headers),
         connection_error()},
        {"CONTINUATION of another stream", open1 + h2::continuation(3, more_block, h2::end_headers),
         connection_error()},
        {"CONTINUATION behind a whole head",
         get1() + h2::continuation(1, more_block, h2::end_headers), connection_error()},
        {"CONTINUATION behind the last CONTINUATION",
         open1 + h2::continuation(1, more_block, h2::end_headers) +
             h2::continuation(1, more_block, h2::end_headers),
         connection_error()},
        {"CONTINUATION behind DATA",
         open_post1 + h2::data(1, "test", h2::end_stream) + h2::continuation(1, more_block) +
             h2::continuation(0, more_block, h2::end_headers),
         connection_error()},
        {"CONTINUATION behind DATA of a request whose head is whole",
         post1() + h2::data(1, "x") + h2::continuation(1, more_block, h2::end_headers),
         connection_error()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

// Acknowledgements aside.
h2::Frame next_of(RawSocket& socket, std::uint8_t type) {
  for (;;) {
    auto frame = read_frame(socket);
    if (frame.type == type) return frame;
  }
}

}  // namespace

TEST_CASE("HTTP/2 §6.5.3: SETTINGS are acknowledged at once, each of them") {
  Gateway gateway(std::vector<std::uint16_t>{});
  auto client = gateway.connect();
  client.send(std::string(h2::preface) + h2::settings() + setting(h2::enable_push, 0));
  int acknowledged = 0;
  while (acknowledged < 2) {
    const auto frame = next_of(client, h2::settings_type);
    if (!frame.has(h2::ack)) continue;
    CHECK(frame.payload.empty());
    ++acknowledged;
  }
}

TEST_CASE("HTTP/2 §6.7: PING is answered with its content, and an answer to it is not") {
  Gateway gateway(std::vector<std::uint16_t>{});
  auto client = gateway.connect();
  client.send(std::string(h2::preface) + h2::settings() + h2::ping("unasked!", h2::ack) +
              h2::ping("asked   "));
  const auto first = next_of(client, h2::ping_type);
  CHECK(first.has(h2::ack));
  CHECK(first.payload == "asked   ");
}

TEST_CASE(
    "HTTP/2 §6.8: what a client began before its GOAWAY is answered, then the connection ends") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(get1() + h2::goaway(0, h2::no_error));
  CHECK(client.finish(1).body == "hello");
  CHECK(client.finish().value_or(h2::no_error) == h2::no_error);
}

}  // namespace tandem::test::h2_connection_frames_test
