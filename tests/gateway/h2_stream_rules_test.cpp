// RFC 9113 §5 at a gateway: what may come on a stream, and when.
#include <catch2/catch.hpp>

#include "h2_case.hpp"

namespace tandem::test::h2_stream_rules_test {

using namespace std::string_literals;
using h2::get1;
using h2::post1;

namespace {

const auto get_block = h2::block(h2::get());
const auto trailer_block = h2::block({{"x-t", "1"}});
const auto whole = h2::end_stream | h2::end_headers;
const auto reset1 = post1() + h2::rst_stream(1, h2::cancel);

[[maybe_unused]] const bool idle = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.1, idle",
    {
        {"DATA", h2::data(1, "test", h2::end_stream), connection_error()},
        {"RST_STREAM", h2::rst_stream(1, h2::cancel), connection_error()},
        {"WINDOW_UPDATE", h2::window_update(1, 100), connection_error()},
        {"CONTINUATION", h2::continuation(1, get_block, h2::end_headers), connection_error()},
        {"DATA of a stream between others",
         h2::headers(5, get_block, h2::end_stream) + h2::data(7, "x"), connection_error()},
        {"DATA of an even stream", h2::data(2, "x"), connection_error()},
        {"RST_STREAM of an even stream", h2::rst_stream(2, h2::cancel), connection_error()},
        {"WINDOW_UPDATE of an even stream", h2::window_update(2, 1), connection_error()},
        {"PRIORITY is taken", h2::priority(1, 0, 256), alive()},
        {"PRIORITY, and the stream opens later", h2::priority(1) + get1(), answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool half_closed = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.1, half-closed (remote)",
    {
        {"DATA", get1() + h2::data(1, "test", h2::end_stream), connection_error(h2::stream_closed)},
        {"empty DATA", get1() + h2::data(1, "", h2::end_stream),
         connection_error(h2::stream_closed)},
        {"HEADERS", get1() + get1(), connection_error(h2::stream_closed)},
        {"HEADERS as trailers", get1() + h2::headers(1, trailer_block, h2::end_stream),
         connection_error(h2::stream_closed)},
        {"HEADERS behind DATA that ended",
         post1() + h2::data(1, "x", h2::end_stream) + h2::headers(1, trailer_block, h2::end_stream),
         connection_error(h2::stream_closed)},
        {"CONTINUATION", get1() + h2::continuation(1, get_block, h2::end_headers),
         connection_error()},
        {"WINDOW_UPDATE is taken", get1() + h2::window_update(1, 100), answered()},
        {"PRIORITY is taken", get1() + h2::priority(1), answered()},
        {"RST_STREAM is taken", get1() + h2::rst_stream(1, h2::cancel), alive()},
        {"RST_STREAM without an error is taken", get1() + h2::rst_stream(1, h2::no_error), alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool closed_by_reset = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.1, closed by RST_STREAM",
    {
        {"DATA", reset1 + h2::data(1, "test", h2::end_stream), connection_error(h2::stream_closed)},
        {"HEADERS", reset1 + get1(), connection_error(h2::stream_closed)},
        {"CONTINUATION", reset1 + h2::continuation(1, get_block, h2::end_headers),
         connection_error()},
        {"PRIORITY is taken", reset1 + h2::priority(1), alive()},
        {"WINDOW_UPDATE is taken", reset1 + h2::window_update(1, 1), alive()},
        {"RST_STREAM is taken", reset1 + h2::rst_stream(1, h2::cancel), alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool closed_by_end = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.1, closed by END_STREAM",
    {
        {"DATA", get1(), connection_error(h2::stream_closed), h2::data(1, "test", h2::end_stream)},
        {"HEADERS", get1(), connection_error(h2::stream_closed), get1()},
        {"CONTINUATION", get1(), connection_error(),
         h2::continuation(1, get_block, h2::end_headers)},
        {"PRIORITY is taken", get1(), alive(), h2::priority(1)},
        {"WINDOW_UPDATE is taken", get1(), alive(), h2::window_update(1, 1)},
        {"RST_STREAM is taken", get1(), alive(), h2::rst_stream(1, h2::cancel)},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool identifiers = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.1.1",
    {
        {"an even id", h2::headers(2, get_block, h2::end_stream), connection_error()},
        {"an id smaller than one before",
         h2::headers(5, get_block, h2::end_stream) + h2::headers(3, get_block, h2::end_stream),
         connection_error()},
        {"HEADERS of a later stream that has ended",
         h2::headers(5, get_block, h2::end_stream) + h2::headers(5, get_block, h2::end_stream),
         connection_error(h2::stream_closed)},
        {"ids may be left out",
         h2::headers(7, get_block, h2::end_stream) + h2::headers(99, get_block, h2::end_stream),
         alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool dependencies = each_row_is_a_case<H2Case>(
    "HTTP/2 §5.3 (RFC 7540)",
    {
        {"HEADERS that depend on themselves",
         h2::frame(h2::headers_type, whole | h2::with_priority, 1,
                   h2::priority_fields(1) + get_block),
         connection_error()},
        {"PRIORITY that depends on itself", h2::priority(1, 1), connection_error()},
        {"PRIORITY that depends on itself, exclusively", h2::priority(1, 0x80000001),
         connection_error()},
        {"HEADERS with a priority",
         h2::frame(h2::headers_type, whole | h2::with_priority, 1,
                   h2::priority_fields(0, 256) + get_block),
         answered()},
        {"HEADERS that depend on a stream which does not exist",
         h2::frame(h2::headers_type, whole | h2::with_priority, 1,
                   h2::priority_fields(0x80000000 | 99) + get_block),
         answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

// Longer than any number of streams.
Origin::Script silent_until_gone() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  };
}

}  // namespace

TEST_CASE("HTTP/2 §5.1.1: the last id of all is served, and no stream after it") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(h2::headers(0x7fffffff, get_block, h2::end_stream));
  CHECK(client.finish(0x7fffffff).status() == 200);
  client.send(h2::headers(1, get_block, h2::end_stream));
  CHECK(client.finish() == h2::protocol_error);
}

TEST_CASE("HTTP/2 §5.1.2: streams beyond the limit are refused, and the others go on") {
  Origin origin(silent_until_gone());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port(), {{h2::initial_window_size, 0}});
  client.await_pong();  // and the limit is known
  for (int i = 0; i < 101; ++i) client.ask(h2::get());
  CHECK(client.finish(201).reset == h2::refused_stream);
  client.await_pong();
  CHECK_FALSE(client.answer(199).reset.has_value());
  wait_until([&] { return origin.request_count() == 100; });
}

TEST_CASE("HTTP/2 §5.1.2: a stream that has ended makes room for another") {
  Origin origin(silent_until_gone());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  for (int i = 0; i < 100; ++i) client.ask(h2::get());
  client.send(h2::rst_stream(1, h2::cancel));
  client.ask(h2::get());
  client.await_pong();
  CHECK_FALSE(client.answer(201).reset.has_value());
}

TEST_CASE("HTTP/2 §5.4.1: GOAWAY goes before the close, and names the last stream") {
  Origin origin(silent_until_gone());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  client.send(h2::headers(5, get_block, h2::end_stream));
  wait_until([&] { return origin.request_count() == 1; });
  // A PING of a stream.
  client.send(h2::frame(h2::ping_type, 0, 3, "12345678"));
  const auto goaway = client.await_goaway().back();
  CHECK(goaway.number(0) == 5);
  CHECK(goaway.number(4) == h2::protocol_error);
  CHECK(client.socket().closes());
}

TEST_CASE("HTTP/2 §5.4.1: an error of the connection frees the workers of its streams") {
  std::atomic<int> hung_up{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
    ++hung_up;
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  for (int i = 0; i < 10; ++i) client.ask(h2::get());
  wait_until([&] { return origin.request_count() == 10; });
  client.send(h2::window_update(0, 0));
  wait_until([&] { return hung_up == 10; });
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("HTTP/2 §5.4.2: frames that were on their way when a stream was reset are let pass") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  for (const auto& late : {h2::data(1, "x"), h2::data(1, "x", h2::end_stream),
                           h2::headers(1, trailer_block, h2::end_stream), h2::window_update(1, 1),
                           h2::rst_stream(1, h2::cancel), h2::priority(1)}) {
    H2Client client(gateway.port());
    client.send(post1({{"content-length", "1"}}) + h2::data(1, "too much"));
    CHECK(client.finish(1).reset == h2::protocol_error);
    client.send(late);
    client.await_pong();
  }
}

TEST_CASE(
    "HTTP/2 §10.5: a request that its client has made malformed is not begun (CVE-2025-8671)") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  for (const auto& frames :
       {get1() + h2::window_update(1, 0x7fffffff),
        post1({{"content-length", "0"}}) + h2::data(1, "x"),
        post1({{"expect", "100-continue"}}) + h2::headers(1, h2::block({{":path", "/"}}), 1)}) {
    H2Client client(gateway.port());
    client.send(frames);
    CHECK(client.finish(1).reset.has_value());
    client.await_pong();
  }
  CHECK(origin.connection_count() == 0);
}

}  // namespace tandem::test::h2_stream_rules_test
