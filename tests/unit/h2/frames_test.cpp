// Frames and streams that break RFC 9113 §4 to §6, or seem to.
#include <catch2/catch.hpp>

#include "verdict.hpp"

namespace tandem::test::frames_test {

using tandem::test::h2::frame;
using tandem::test::h2::frame_of_length;

namespace {

const auto get_block = h2::block(h2::get());
const auto post_block = h2::block(h2::post());
const auto get1 = h2::headers(1, get_block, h2::end_stream);
const auto post1 = h2::headers(1, post_block);
const auto half_block = get_block.substr(0, 10);
const auto other_half = get_block.substr(10);
// The beginning of a head that goes on in CONTINUATION.
const auto open_head = frame(h2::headers_type, h2::end_stream, 1, half_block);
const auto five = "\0\0\0\0\x10"s;

std::string setting(std::uint16_t id, std::uint32_t value) { return h2::settings({{id, value}}); }

[[maybe_unused]] const bool framing = each_row_is_a_case<Sent>(
    "RFC 9113 §4",
    {
        {"§4.1: a frame of an unknown type is left out", frame(0xee, 0xff, 0, "xyz") + get1,
         accepted("head 1 GET a / ends")},
        {"§4.1: flags that mean nothing are left out",
         h2::headers(1, get_block, h2::end_stream | 0x02 | 0x10 | 0x40 | 0x80),
         accepted("head 1 GET a / ends")},
        {"§4.1: the reserved bit is left out",
         frame(h2::headers_type, h2::end_stream | h2::end_headers,
               static_cast<std::int32_t>(0x80000001), get_block),
         accepted("head 1 GET a / ends")},
        {"§4.2: DATA of 16,384 bytes", post1 + h2::data(1, std::string(16'384, 'x')),
         accepted("head 1 POST a /")},
        {"§4.2: DATA beyond 16,384 bytes", post1 + h2::data(1, std::string(16'385, 'x')),
         connection_error(ErrorCode::frame_size_error)},
        {"§4.2: HEADERS beyond 16,384 bytes",
         h2::headers(1, get_block + h2::block({{"x", std::string(17'000, 'x')}}), h2::end_stream),
         connection_error(ErrorCode::frame_size_error)},
        {"§4.2: a huge frame of an unknown type", frame_of_length(0xffffff, 0xee, 0, 0, "x"),
         connection_error(ErrorCode::frame_size_error)},
        {"§4.2: CONTINUATION beyond 16,384 bytes",
         open_head + frame(h2::continuation_type, 0, 1, std::string(16'385, '\0')),
         connection_error(ErrorCode::frame_size_error)},
        {"§4.3: a head that is no HPACK", h2::headers(1, "\xff\xff\xff\xff\xff", h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§4.3: a head that breaks off", h2::headers(1, half_block, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§4.3: PRIORITY inside a head", open_head + frame(h2::priority_type, 0, 1, five),
         connection_error()},
        {"§4.3: HEADERS of another stream inside a head", open_head + h2::headers(3, get_block),
         connection_error()},
        {"§4.3: a frame of an unknown type inside a head", open_head + frame(0xee, 0, 1, "x"),
         connection_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool hpack = each_row_is_a_case<Sent>(
    "RFC 7541",
    {
        {"§2.3.3: an index beyond both tables", h2::headers(1, get_block + "\xc6"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§6.1: index 0", h2::headers(1, get_block + "\x80"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§4.2: the table's size changes behind a field",
         h2::headers(1, get_block + "\x21"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§6.3: a table larger than allowed",
         h2::headers(1, h2::hpack_number(4'097, 5, 0x20) + get_block, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§6.3: the largest table that is allowed",
         h2::headers(1, h2::hpack_number(4'096, 5, 0x20) + get_block, h2::end_stream),
         accepted("head 1 GET a / ends")},
        {"§5.2: Huffman's padding is longer than seven bits",
         h2::headers(1, get_block + "\0\x01x\x82\x8f\xff"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§5.2: Huffman's padding is zeros",
         h2::headers(1, get_block + "\0\x01x\x81\x18"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§5.2: Huffman's end of string",
         h2::headers(1, get_block + "\0\x01x\x84\xff\xff\xff\xff"s, h2::end_stream),
         connection_error(ErrorCode::compression_error)},
        {"§5.1: a number without end",
         h2::headers(1, get_block + "\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
                     h2::end_stream),
         connection_error(ErrorCode::compression_error)},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool states = each_row_is_a_case<Sent>(
    "RFC 9113 §5",
    {
        {"§5.1: DATA on an idle stream", h2::data(1, "x"), connection_error()},
        {"§5.1: RST_STREAM on an idle stream", h2::rst_stream(1, 8), connection_error()},
        {"§5.1: WINDOW_UPDATE on an idle stream", h2::window_update(1, 100), connection_error()},
        {"§5.1: CONTINUATION on an idle stream", frame(h2::continuation_type, 4, 1, get_block),
         connection_error()},
        {"§5.1: PRIORITY on an idle stream", frame(h2::priority_type, 0, 1, five) + get1,
         accepted("head 1 GET a / ends")},
        {"§5.1: DATA after the end of the request", get1 + h2::data(1, "x"),
         connection_error(ErrorCode::stream_closed)},
        {"§5.1: HEADERS after the end of the request", get1 + h2::headers(1, get_block),
         connection_error(ErrorCode::stream_closed)},
        {"§5.1: CONTINUATION after the end of the request",
         get1 + frame(h2::continuation_type, 4, 1, get_block), connection_error()},
        {"§5.1: WINDOW_UPDATE after the end of the request", get1 + h2::window_update(1, 100),
         accepted()},
        {"§5.1: PRIORITY after the end of the request", get1 + frame(h2::priority_type, 0, 1, five),
         accepted()},
        {"§5.1: DATA after the client's reset", post1 + h2::rst_stream(1, 8) + h2::data(1, "x"),
         connection_error(ErrorCode::stream_closed)},
        {"§5.1: HEADERS after the client's reset",
         post1 + h2::rst_stream(1, 8) + h2::headers(1, get_block),
         connection_error(ErrorCode::stream_closed)},
        {"§5.1: CONTINUATION after the client's reset",
         post1 + h2::rst_stream(1, 8) + frame(h2::continuation_type, 4, 1, get_block),
         connection_error()},
        {"§5.1: a second reset", post1 + h2::rst_stream(1, 8) + h2::rst_stream(1, 8),
         accepted("closed 1 8 by peer")},
        {"§5.1: WINDOW_UPDATE after the client's reset",
         post1 + h2::rst_stream(1, 8) + h2::window_update(1, 1), accepted()},
        {"§5.1.1: an even id", h2::headers(2, get_block, h2::end_stream), connection_error()},
        {"§5.1.1: an id smaller than one before",
         h2::headers(5, get_block, h2::end_stream) + h2::headers(3, get_block, h2::end_stream),
         connection_error()},
        {"§5.1.1: ids may be left out",
         h2::headers(5, get_block, h2::end_stream) + h2::headers(99, get_block, h2::end_stream),
         accepted("head 99 GET a / ends")},
        {"§5.3.1: HEADERS that depend on themselves",
         frame(h2::headers_type, h2::end_stream | h2::end_headers | h2::with_priority, 1,
               "\0\0\0\x01\x10"s + get_block),
         connection_error()},
        {"§5.3.2: HEADERS with a priority",
         frame(h2::headers_type, h2::end_stream | h2::end_headers | h2::with_priority, 1,
               five + get_block),
         accepted("head 1 GET a / ends")},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool message_frames = each_row_is_a_case<Sent>(
    "RFC 9113 §6.1 to §6.4",
    {
        {"§6.1: DATA of the connection", h2::data(0, "x"), connection_error()},
        {"§6.1: DATA with padding", post1 + h2::data(1, "\x02hi\0\0"s, h2::padded | h2::end_stream),
         accepted("end 1")},
        {"§6.1: padding as long as the payload", post1 + h2::data(1, "\x03hi"s, h2::padded),
         connection_error()},
        {"§6.1: DATA that is padding alone and ends", post1 + h2::data(1, "\x02\0\0"s, 9),
         accepted("end 1")},
        {"§6.1: DATA without content that ends", post1 + h2::data(1, "", h2::end_stream),
         accepted("end 1")},
        {"§6.1: DATA that says padding and has none", post1 + h2::data(1, "", h2::padded),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.2: HEADERS of the connection", h2::headers(0, get_block), connection_error()},
        {"§6.2: HEADERS with padding",
         frame(h2::headers_type, h2::end_stream | h2::end_headers | h2::padded, 1,
               "\x03"s + get_block + "\0\0\0"s),
         accepted("head 1 GET a / ends")},
        {"§6.2: padding longer than HEADERS",
         frame(h2::headers_type, h2::end_stream | h2::end_headers | h2::padded, 1,
               "\xff"s + get_block),
         connection_error()},
        {"§6.2: HEADERS too short for their priority",
         frame(h2::headers_type, h2::end_headers | h2::with_priority, 1, "\0\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.2: HEADERS that say padding and have none",
         frame(h2::headers_type, h2::end_headers | h2::padded, 1),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.2: HEADERS too short for padding and priority",
         frame(h2::headers_type, h2::end_headers | h2::padded | h2::with_priority, 1,
               "\0\0\0\0\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.3: PRIORITY of the connection", frame(h2::priority_type, 0, 0, five),
         connection_error()},
        {"§6.3: PRIORITY that is too short", post1 + frame(h2::priority_type, 0, 1, "\0\0\0\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.3: PRIORITY of a stream that depends on itself",
         frame(h2::priority_type, 0, 1, "\0\0\0\x01\x10"s) + get1, connection_error()},
        {"§6.4: RST_STREAM of the connection", h2::rst_stream(0, 8), connection_error()},
        {"§6.4: RST_STREAM that is too short", post1 + frame(h2::rst_stream_type, 0, 1, "\0\0\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.4: RST_STREAM that is too long",
         post1 + frame(h2::rst_stream_type, 0, 1, "\0\0\0\0\x08"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§7: RST_STREAM with an unknown code", post1 + h2::rst_stream(1, 0xff),
         accepted("closed 1 255 by peer")},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool connection_frames = each_row_is_a_case<Sent>(
    "RFC 9113 §6.5 to §6.10",
    {
        {"§6.5: SETTINGS of a stream", frame(h2::settings_type, 0, 1), connection_error()},
        {"§6.5: an acknowledgement with content", frame(h2::settings_type, h2::ack, 0, "\0\x03"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.5: SETTINGS of a length that is no multiple of six",
         frame(h2::settings_type, 0, 0, "\0\x03\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.5.2: ENABLE_PUSH that is neither 0 nor 1", setting(h2::enable_push, 2),
         connection_error()},
        {"§6.5.2: INITIAL_WINDOW_SIZE beyond 2^31-1", setting(h2::initial_window_size, 0x80000000),
         connection_error(ErrorCode::flow_control_error)},
        {"§6.5.2: MAX_FRAME_SIZE below 16,384", setting(h2::max_frame_size, 16'383),
         connection_error()},
        {"§6.5.2: MAX_FRAME_SIZE beyond 2^24-1", setting(h2::max_frame_size, 1 << 24),
         connection_error()},
        {"§6.5.2: an unknown setting", setting(0xff, 1) + get1, accepted("head 1 GET a / ends")},
        {"§6.5: a setting twice in one frame",
         h2::settings({{h2::initial_window_size, 100}, {h2::initial_window_size, 1}}) + get1,
         accepted("head 1 GET a / ends")},
        {"§6.6: PUSH_PROMISE of a client",
         post1 + frame(h2::push_promise_type, h2::end_headers, 1, "\0\0\0\x02"s + get_block),
         connection_error()},
        {"§6.7: PING of a stream", frame(h2::ping_type, 0, 1, "12345678"), connection_error()},
        {"§6.7: PING that is too short", h2::ping("123456"),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.7: PING that is too long", h2::ping("1234567890"),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.7: an answer to a PING that we did not send", h2::ping("12345678", h2::ack) + get1,
         accepted("head 1 GET a / ends")},
        {"§6.8: GOAWAY of a stream", frame(h2::goaway_type, 0, 1, std::string(8, '\0')),
         connection_error()},
        {"§6.8: GOAWAY that is too short", frame(h2::goaway_type, 0, 0, "\0\0\0\0"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.9: WINDOW_UPDATE of 0 for the connection", h2::window_update(0, 0),
         connection_error()},
        {"§6.9: WINDOW_UPDATE of 0 for a stream", post1 + h2::window_update(1, 0),
         connection_error()},
        {"§6.9: WINDOW_UPDATE that is too short", frame(h2::window_update_type, 0, 0, "\0\0\1"s),
         connection_error(ErrorCode::frame_size_error)},
        {"§6.9.1: the connection's window beyond 2^31-1",
         h2::window_update(0, 0x7fffffff) + h2::window_update(0, 1),
         connection_error(ErrorCode::flow_control_error)},
        {"§6.9.1: a stream's window beyond 2^31-1",
         post1 + h2::window_update(1, 0x7fffffff) + h2::window_update(1, 1),
         stream_error(ErrorCode::flow_control_error)},
        {"§6.9.2: a setting makes a stream's window too large",
         post1 + h2::window_update(1, 0x7fff0000) + setting(h2::initial_window_size, 0x7fffffff),
         connection_error(ErrorCode::flow_control_error)},
        {"§6.9.2: the first of two settings makes a stream's window too large",
         post1 + h2::window_update(1, 1) +
             h2::settings({{h2::initial_window_size, 0x7fffffff}, {h2::initial_window_size, 1}}),
         connection_error(ErrorCode::flow_control_error)},
        {"§6.9.2: a setting makes a stream's window as large as it may be",
         post1 + h2::window_update(1, 0x7fff0000) + setting(h2::initial_window_size, 0xffff) +
             setting(h2::enable_push, 0),
         accepted("head 1 POST a /")},
        {"§6.9.2: the largest setting, with streams as they began",
         post1 + setting(h2::initial_window_size, 0x7fffffff), accepted("head 1 POST a /")},
        {"§6.9.1: content beyond the window",
         post1 + h2::data(1, std::string(16'384, 'x')) + h2::data(1, std::string(16'384, 'x')) +
             h2::data(1, std::string(16'384, 'x')) + h2::data(1, std::string(16'384, 'x')),
         connection_error(ErrorCode::flow_control_error)},
        {"§6.10: a head in three frames",
         open_head + frame(h2::continuation_type, 0, 1, other_half.substr(0, 5)) +
             frame(h2::continuation_type, h2::end_headers, 1, other_half.substr(5)),
         accepted("head 1 GET a / ends")},
        {"§6.10: DATA inside a head", open_head + h2::data(1, "x"), connection_error()},
        {"§6.10: CONTINUATION of another stream",
         open_head + frame(h2::continuation_type, h2::end_headers, 3, other_half),
         connection_error()},
        {"§6.10: CONTINUATION of the connection",
         open_head + frame(h2::continuation_type, h2::end_headers, 0, other_half),
         connection_error()},
        {"§6.10: CONTINUATION behind a whole head",
         post1 + frame(h2::continuation_type, h2::end_headers, 1, other_half), connection_error()},
        {"§6.10: CONTINUATION behind DATA",
         post1 + h2::data(1, "x") + frame(h2::continuation_type, h2::end_headers, 1, other_half),
         connection_error()},
    },
    check_verdict, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("RFC 9113 §3.4: what is no preface ends the connection") {
  for (const auto& start :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\x0b"s,
        std::string(h2::preface) + h2::ping(), std::string(h2::preface) + h2::settings_ack()}) {
    Side server(Role::server);
    server.feed(start);
    CHECK(server.goaway_code() == code(ErrorCode::protocol_error));
    CHECK(server.session.is_finished());
  }
}

TEST_CASE("RFC 9113 §5.1: frames that were on their way when we reset a stream are let pass") {
  for (const auto& late :
       {h2::data(1, "x"), h2::headers(1, h2::block({{"x-t", "1"}}), h2::end_stream),
        h2::window_update(1, 1), h2::rst_stream(1, 8)}) {
    Server server;
    server.feed(post1);
    server.session.reset(server.stream(1), ErrorCode::cancel);
    server.told.streams.clear();
    server.pull();
    server.feed(late);
    server.get(3);
    CHECK(server.told.has("head 3 GET a / ends"));
    CHECK(server.goaway_code() == -1);
    CHECK(server.frames(h2::rst_stream_type).size() == 1);
  }
}

TEST_CASE("RFC 9113 §5.1: DATA on a stream that both sides have ended is an error") {
  Server server;
  server.get(1);
  server.session.send_head(server.stream(1), 204, {}, true);
  server.pull();
  server.feed(h2::data(1, "x"));
  CHECK(server.goaway_code() == code(ErrorCode::stream_closed));
}

TEST_CASE("RFC 9113 §5.1.2: streams beyond the limit are refused, and the connection goes on") {
  // Whether the client has acknowledged the limit or cannot know it yet.
  for (const auto& acknowledged : {""s, h2::settings_ack()}) {
    Side server(Role::server);
    std::string requests = std::string(h2::preface) + h2::settings() + acknowledged;
    for (StreamId id = 1; id <= 203; id += 2)
      requests += h2::headers(id, get_block, h2::end_stream);
    server.feed(requests);
    CHECK(server.session.open_streams() == 100);
    CHECK(server.reset_code(199) == -1);
    CHECK(server.reset_code(201) == code(ErrorCode::refused_stream));
    CHECK(server.reset_code(203) == code(ErrorCode::refused_stream));
    CHECK(server.goaway_code() == -1);
    server.session.send_head(server.stream(1), 204, {}, true);
    server.pull();
    server.feed(h2::headers(205, get_block, h2::end_stream));
    CHECK(server.told.has("head 205 GET a / ends"));
  }
}

TEST_CASE(
    "RFC 9113 §5.1.2: a request that is refused in the middle of its head is read to its end") {
  Server server;
  for (StreamId id = 1; id <= 199; id += 2) server.get(id);
  const auto field = h2::indexed_literal("x-a", "b");
  server.feed(frame(h2::headers_type, h2::end_stream, 201, half_block));
  server.feed(frame(h2::continuation_type, h2::end_headers, 201, other_half + field));
  CHECK(server.reset_code(201) == code(ErrorCode::refused_stream));
  server.session.send_head(server.stream(1), 204, {}, true);
  server.pull();
  // What it has put into the table is there.
  server.feed(h2::headers(203, get_block + "\xbe", h2::end_stream));
  REQUIRE(server.told.has("head 203 GET a / ends"));
  CHECK(server.told.heads.at(203)->fields().back().value == "b");
}

TEST_CASE("RFC 9113 §5.1.2: what follows on a stream that was refused is let pass") {
  Side server(Role::server);
  std::string requests = std::string(h2::preface) + h2::settings();
  for (StreamId id = 1; id <= 201; id += 2) requests += h2::headers(id, post_block);
  server.feed(requests + h2::data(201, "x") +
              h2::headers(201, h2::block({{"x-t", "1"}}), h2::end_stream));
  CHECK(server.reset_code(201) == code(ErrorCode::refused_stream));
  CHECK(server.goaway_code() == -1);
}

TEST_CASE("RFC 9113 §6.5.3: SETTINGS are acknowledged") {
  Server server;
  server.feed(setting(h2::initial_window_size, 100));
  REQUIRE(server.sent.size() == 1);
  CHECK(server.sent[0].type == h2::settings_type);
  CHECK(server.sent[0].has(h2::ack));
}

TEST_CASE("RFC 9113 §6.7: a PING is answered with its own content") {
  Server server;
  server.feed(h2::ping("abcdefgh"));
  REQUIRE(server.sent.size() == 1);
  CHECK(server.sent[0].has(h2::ack));
  CHECK(server.sent[0].payload == "abcdefgh");
}

TEST_CASE("RFC 9113 §6.9.2: a smaller initial window takes from streams that are open") {
  Server server;
  server.get(1);
  const std::string content(10'000, 'x');
  server.feed(setting(h2::initial_window_size, 3));
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_content(server.stream(1), content, true);
  server.pull();
  REQUIRE(server.frames(h2::data_type).size() == 1);
  CHECK(server.frames(h2::data_type)[0].payload.size() == 3);
  // Below zero: a larger window than that is needed for the next byte.
  server.feed(setting(h2::initial_window_size, 0));
  server.feed(h2::window_update(1, 3));
  CHECK(server.frames(h2::data_type).size() == 1);
  server.feed(h2::window_update(1, 1));
  REQUIRE(server.frames(h2::data_type).size() == 2);
  CHECK(server.frames(h2::data_type)[1].payload.size() == 1);
}

TEST_CASE("RFC 9113 §6.8: a client that goes away has its streams finished") {
  Server server;
  server.get(1);
  server.feed(h2::goaway(0, 0));
  CHECK(server.told.has("goaway 0 0"));
  CHECK_FALSE(server.session.is_finished());
  server.session.send_head(server.stream(1), 204, {}, true);
  server.pull();
  CHECK(server.session.is_finished());
}

}  // namespace tandem::test::frames_test
