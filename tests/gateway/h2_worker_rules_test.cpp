// RFC 9113 at the side of workers: what a worker that speaks HTTP/2 may send, and what becomes of
// its connection and of the client's request when it sends something else.
#include <catch2/catch.hpp>

#include <future>

#include "h2_case.hpp"

namespace tandem::test::h2_worker_rules_test {

using namespace std::string_literals;
using h2::frame;

namespace {

struct WorkerCase {
  std::string why;
  std::string frames;  // behind SETTINGS, once the request of stream 1 is here
  H2Outcome outcome;   // as the worker sees it
  unsigned status;     // that the client has; 0: it has 502, or an answer that breaks off
};

// Reads what the gateway says until it has done what is expected, or the connection has ended.
bool sees(RawSocket& socket, const H2Outcome& outcome) {
  using Kind = H2Outcome::Kind;
  try {
    for (;;) {
      const auto frame = read_frame(socket);
      if (frame.type == h2::goaway_type) {
        if (outcome.kind != Kind::connection_error) return false;
        return frame.number(4) == outcome.number && socket.closes();
      }
      if (frame.type == h2::rst_stream_type) {
        return outcome.kind == Kind::stream_error && frame.number() == outcome.number;
      }
      const bool is_pong = frame.type == h2::ping_type && frame.has(h2::ack);
      if (is_pong) return outcome.kind == Kind::alive && frame.payload == "worker's";
    }
  } catch (const std::runtime_error&) {
    return outcome.kind == Kind::closed;
  }
}

void check_worker(const WorkerCase& row) {
  std::promise<bool> seen;
  std::atomic<bool> is_first{true};
  Origin origin([&](Origin&, RawSocket& socket) {
    if (!is_first.exchange(false)) return;
    socket.read_exactly(h2::preface.size());
    socket.send(h2::settings());
    while (read_frame(socket).type != h2::headers_type) {
    }
    const bool pings = row.outcome.kind == H2Outcome::Kind::alive;
    socket.send(row.frames + (pings ? h2::ping("worker's") : ""));
    seen.set_value(sees(socket, row.outcome));
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const auto answer = client.read_to_end();
  const auto status = answer.substr(0, 12);
  if (row.status != 0) {
    CHECK(status == "HTTP/1.1 " + std::to_string(row.status));
  } else if (status != "HTTP/1.1 502") {
    CHECK(status == "HTTP/1.1 200");
    CHECK_FALSE(answer.ends_with("0\r\n\r\n"));
  }
  CHECK(seen.get_future().get());
}

std::string response(const h2::Fields& more = {}, std::uint8_t flags = h2::end_stream) {
  h2::Fields fields{{":status", "200"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return h2::headers(1, h2::block(fields), flags);
}

const auto whole = response();
const auto head = response({}, 0);
const auto block = h2::block({{":status", "200"}});
const auto open1 = h2::open_headers(1, block, h2::end_stream);
const auto more = h2::block({{"x-a", "b"}});
const auto reset = head + h2::rst_stream(1, h2::cancel);

std::string setting(std::uint16_t id, std::uint32_t value) { return h2::settings({{id, value}}); }

[[maybe_unused]] const bool frames = each_row_is_a_case<WorkerCase>(
    "a worker of HTTP/2, §4",
    {
        {"answers", whole, alive(), 200},
        {"a frame of an unknown type is left out", frame(0x16, 0, 0, "12345678") + whole, alive(),
         200},
        {"unknown flags are left out", frame(h2::ping_type, 0x16, 0, "worker's") + whole, alive(),
         200},
        {"the reserved bit is left out",
         frame(h2::ping_type, 0x16, static_cast<std::int32_t>(0x80000000), "worker's") + whole,
         alive(), 200},
        {"DATA of 16,384 bytes", head + h2::data(1, std::string(16'384, 'x'), h2::end_stream),
         alive(), 200},
        {"DATA beyond 16,384 bytes", head + h2::data(1, std::string(16'385, 'x'), h2::end_stream),
         connection_error(h2::frame_size_error), 0},
        {"HEADERS beyond 16,384 bytes", response({{"x", std::string(16'384, 'x')}}),
         connection_error(h2::frame_size_error), 502},
        {"no HPACK", h2::headers(1, "\x40", h2::end_stream),
         connection_error(h2::compression_error), 502},
    },
    check_worker, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool streams = each_row_is_a_case<WorkerCase>(
    "a worker of HTTP/2, §5",
    {
        {"idle: DATA", h2::data(2, "test", h2::end_stream), connection_error(), 502},
        {"idle: RST_STREAM", h2::rst_stream(2, h2::cancel), connection_error(), 502},
        {"idle: WINDOW_UPDATE", h2::window_update(2, 100), connection_error(), 502},
        {"idle: CONTINUATION", h2::continuation(2, block, h2::end_headers), connection_error(),
         502},
        {"closed by RST_STREAM: DATA", reset + h2::data(1, "test", h2::end_stream),
         stream_error(h2::stream_closed), 0},
        {"closed by RST_STREAM: HEADERS", reset + whole, stream_error(h2::stream_closed), 0},
        {"closed, and reset then: HEADERS", whole + h2::rst_stream(1, 0) + whole,
         stream_error(h2::stream_closed), 200},
        {"closed by RST_STREAM: CONTINUATION", reset + h2::continuation(1, more, h2::end_headers),
         connection_error(), 0},
        {"closed: DATA", whole + h2::data(1, "test", h2::end_stream),
         connection_error(h2::stream_closed), 200},
        {"closed: HEADERS", whole + whole, connection_error(h2::stream_closed), 200},
        {"closed: CONTINUATION", whole + h2::continuation(1, more, h2::end_headers),
         connection_error(), 200},
        {"§5.1.1: an answer to nothing", h2::headers(101, block, h2::end_stream),
         connection_error(), 502},
        {"§5.1.1: an answer on an even stream", h2::headers(2, block, h2::end_stream),
         connection_error(), 502},
        {"§5.4.1: an error of the connection closes it", frame(h2::ping_type, 0, 3, "12345678"),
         connection_error(), 502},
        {"§5.5: unknown frames are left out", frame(0x16, 0, 0, "12345678") + whole, alive(), 200},
    },
    check_worker, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool messages = each_row_is_a_case<WorkerCase>(
    "a worker of HTTP/2, §6.1 to §6.4",
    {
        {"DATA of the connection", h2::data(0, "test", h2::end_stream), connection_error(), 502},
        {"DATA on a stream that has ended", whole + h2::data(1, "test", h2::end_stream),
         connection_error(h2::stream_closed), 200},
        {"padding longer than DATA",
         response({{"content-length", "4"}}, 0) +
             h2::data(1, "\x06Test", h2::end_stream | h2::padded),
         connection_error(), 502},
        {"PRIORITY where CONTINUATION must be",
         open1 + h2::priority(1) + h2::continuation(1, more, h2::end_headers), connection_error(),
         502},
        {"HEADERS of the connection", h2::headers(0, block, h2::end_stream), connection_error(),
         502},
        {"padding longer than HEADERS",
         frame(h2::headers_type, h2::end_headers | h2::end_stream | h2::padded, 1,
               std::string(1, static_cast<char>(block.size() + 2)) + block),
         connection_error(), 502},
        {"PRIORITY of the connection", h2::priority(0), connection_error(), 502},
        {"PRIORITY that is too short", frame(h2::priority_type, 0, 1, "\x80\0\0\1"s),
         connection_error(h2::frame_size_error), 502},
        {"RST_STREAM of the connection", h2::rst_stream(0, h2::cancel), connection_error(), 502},
        {"RST_STREAM that is too short", frame(h2::rst_stream_type, 0, 1, "\0\0\0"s),
         connection_error(h2::frame_size_error), 502},
    },
    check_worker, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool connection = each_row_is_a_case<WorkerCase>(
    "a worker of HTTP/2, §6.5 to §6.10",
    {
        {"an acknowledgement with content", frame(h2::settings_type, h2::ack, 0, "\0"s),
         connection_error(h2::frame_size_error), 502},
        {"SETTINGS of a stream", frame(h2::settings_type, 0, 1, "\0\3\0\0\0\x64"s),
         connection_error(), 502},
        {"SETTINGS of a length that is no multiple of six",
         frame(h2::settings_type, 0, 0, "\0\3\0"s), connection_error(h2::frame_size_error), 502},
        {"INITIAL_WINDOW_SIZE beyond 2^31-1", setting(h2::initial_window_size, 0x80000000),
         connection_error(h2::flow_control_error), 502},
        {"MAX_FRAME_SIZE below 16,384", setting(h2::max_frame_size, 16'383), connection_error(),
         502},
        {"MAX_FRAME_SIZE beyond 2^24-1", setting(h2::max_frame_size, 1 << 24), connection_error(),
         502},
        {"ENABLE_PUSH of a server", setting(h2::enable_push, 1), connection_error(), 502},
        {"an unknown setting is left out", setting(0xff, 1) + whole, alive(), 200},
        {"PUSH_PROMISE, which nobody allowed",
         h2::settings_ack() +
             frame(h2::push_promise_type, h2::end_headers, 1, "\0\0\0\2"s + h2::block(h2::get())),
         connection_error(), 502},
        {"PING of a stream", frame(h2::ping_type, 0, 1, "12345678"), connection_error(), 502},
        {"PING that is too short", h2::ping("123456"), connection_error(h2::frame_size_error), 502},
        {"an answer to a PING that nobody sent", h2::ping("unasked!", h2::ack) + whole, alive(),
         200},
        {"GOAWAY of a stream", frame(h2::goaway_type, 0, 1, std::string(8, '\0')),
         connection_error(), 502},
        {"an increment of 0 for the connection", h2::window_update(0, 0), connection_error(), 502},
        {"an increment of 0 for a stream", head + h2::window_update(1, 0), connection_error(), 0},
        {"WINDOW_UPDATE that is too short", frame(h2::window_update_type, 0, 0, "\0\0\1"s),
         connection_error(h2::frame_size_error), 502},
        {"§6.9.1: the connection's window beyond 2^31-1",
         h2::window_update(0, 0x7fffffff) + h2::window_update(0, 0x7fffffff),
         connection_error(h2::flow_control_error), 502},
        {"§6.9.1: a stream's window beyond 2^31-1",
         head + h2::window_update(1, 0x7fffffff) + h2::window_update(1, 0x7fffffff),
         stream_error(h2::flow_control_error), 0},
        {"§6.9.2: a setting makes a stream's window too large",
         h2::window_update(1, 1) + setting(h2::initial_window_size, 0x7fffffff),
         connection_error(h2::flow_control_error), 502},
        {"several CONTINUATIONs",
         open1 + h2::continuation(1, more) + h2::continuation(1, more, h2::end_headers), alive(),
         200},
        {"DATA where CONTINUATION must be",
         h2::open_headers(1, block) + h2::continuation(1, more) +
             h2::data(1, "test", h2::end_stream),
         connection_error(), 502},
        {"CONTINUATION of the connection", open1 + h2::continuation(0, more, h2::end_headers),
         connection_error(), 502},
        {"CONTINUATION behind a whole head", whole + h2::continuation(1, more, h2::end_headers),
         connection_error(), 200},
        {"CONTINUATION behind the last CONTINUATION",
         open1 + h2::continuation(1, more, h2::end_headers) +
             h2::continuation(1, more, h2::end_headers),
         connection_error(), 200},
        {"CONTINUATION behind DATA",
         h2::open_headers(1, block) + h2::data(1, "test", h2::end_stream) +
             h2::continuation(1, more),
         connection_error(), 502},
    },
    check_worker, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool heads = each_row_is_a_case<WorkerCase>(
    "a worker of HTTP/2, §8",
    {
        {"no :status", h2::headers(1, h2::block({{"x", "y"}}), h2::end_stream), stream_error(),
         502},
        {"101", h2::headers(1, h2::block({{":status", "101"}})), stream_error(), 502},
        {"a status of two digits", h2::headers(1, h2::block({{":status", "20"}}), h2::end_stream),
         stream_error(), 502},
        {"an interim answer that ends",
         h2::headers(1, h2::block({{":status", "100"}}), h2::end_stream), stream_error(), 502},
        {"a pseudo-field of requests", response({{":path", "/"}}), stream_error(), 502},
        {"a name in capitals", response({{"X-A", "b"}}), stream_error(), 502},
        {"a field in a value", response({{"x", "a\r\nSet-Cookie: b"}}), stream_error(), 502},
        {"Connection", response({{"connection", "close"}}), stream_error(), 502},
        {"Transfer-Encoding", response({{"transfer-encoding", "chunked"}}), stream_error(), 502},
        {"more fields than are read", response(h2::Fields(1'100, {"x", "y"})), stream_error(), 502},
        {"less content than Content-Length says",
         response({{"content-length", "5"}}, 0) + h2::data(1, "test", h2::end_stream),
         stream_error(), 502},
        {"more content than Content-Length says",
         response({{"content-length", "1"}}, 0) + h2::data(1, "test", h2::end_stream),
         stream_error(), 502},
        {"a pseudo-field in trailers",
         head + h2::data(1, "test") +
             h2::headers(1, h2::block({{":status", "200"}}), h2::end_stream),
         stream_error(), 0},
    },
    check_worker, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("a worker of HTTP/2, §3.4: it is sent the preface and SETTINGS, then the request") {
  std::promise<std::vector<h2::Frame>> said;
  Origin origin([&](Origin&, RawSocket& socket) {
    CHECK(socket.read_exactly(h2::preface.size()) == h2::preface);
    std::vector<h2::Frame> frames{read_frame(socket)};
    socket.send(h2::settings());
    while (frames.back().type != h2::headers_type) frames.push_back(read_frame(socket));
    socket.send(whole);
    said.set_value(frames);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 200);
  const auto frames = said.get_future().get();
  CHECK(frames.front().type == h2::settings_type);
  CHECK_FALSE(frames.front().has(h2::ack));
  CHECK(frames.back().stream == 1);
}

TEST_CASE("a worker of HTTP/2, §6.5.3: its SETTINGS are acknowledged") {
  std::promise<bool> acknowledged;
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_exactly(h2::preface.size());
    socket.send(h2::settings());
    for (;;) {
      const auto frame = read_frame(socket);
      if (frame.type != h2::settings_type || !frame.has(h2::ack)) continue;
      break;
    }
    acknowledged.set_value(true);
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(acknowledged.get_future().get());
}

TEST_CASE("a worker of HTTP/2, §6.9.1: no more is sent than its windows have room for") {
  std::promise<std::string> before, after;
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_exactly(h2::preface.size());
    socket.send(setting(h2::initial_window_size, 3));
    std::string body;
    const auto read = [&] {
      auto frame = read_frame(socket);
      if (frame.type == h2::data_type) body += frame.payload;
      return frame;
    };
    while (body.size() < 3) read();
    socket.send(h2::ping("worker's"));
    while (read().payload != "worker's") {
    }
    before.set_value(body);
    socket.send(h2::window_update(1, 2));
    while (body.size() < 5) read();
    after.set_value(body);
    socket.send(whole);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto answer = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(answer.status() == 200);
  CHECK(before.get_future().get() == "hel");
  CHECK(after.get_future().get() == "hello");
}

}  // namespace tandem::test::h2_worker_rules_test
