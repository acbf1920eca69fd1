// What a server session does with requests that are in order.
#include <catch2/catch.hpp>

#include "session_fixture.hpp"

namespace tandem::test::server_test {
namespace {
Field field(std::string_view name, std::string_view value) { return {kind_of(name), name, value}; }
}  // namespace

TEST_CASE("a server sends its settings first") {
  Server server;
  REQUIRE(server.first.size() >= 2);
  CHECK(server.first[0].type == h2::settings_type);
  CHECK_FALSE(server.first[0].has(h2::ack));
  CHECK(server.first[0].payload.starts_with("\0\3\0\0\0\x64"s));  // a hundred streams
  CHECK(server.first[1].type == h2::settings_type);
  CHECK(server.first[1].has(h2::ack));
}

TEST_CASE("a request without content is told with its end") {
  Server server;
  server.get(1, {{"x-a", "b"}});
  CHECK(server.told.lines == std::vector<std::string>{"head 1 GET a / ends"});
  const auto& head = *server.told.heads.at(1);
  REQUIRE(head.fields().size() == 1);
  CHECK(head.fields()[0].name == "x-a");
  CHECK(head.fields()[0].value == "b");
  CHECK(head.scheme() == "http");
}

TEST_CASE("a request's content, trailers and end are told in their order") {
  Server server;
  server.feed(
      h2::headers(1, h2::block(h2::post())) + h2::data(1, "hello") +
      h2::headers(1, h2::block({{"x-sum", "1"}, {"authorization", "late"}}), h2::end_stream));
  CHECK(server.told.lines ==
        std::vector<std::string>{"head 1 POST a /", "content 1 5", "trailers 1 1", "end 1"});
  CHECK(server.told.content == "hello");
  CHECK(server.told.trailers.at(1)->fields()[0].name == "x-sum");
}

TEST_CASE("an answer's head and content leave in one pull, and the stream closes") {
  Server server;
  server.get(1);
  const Field fields[] = {field("Content-Type", "text/plain"), field("Connection", "close")};
  server.session.send_head(server.stream(1), 200, fields, false);
  server.session.send_content(server.stream(1), "hello", true);
  server.pull();
  REQUIRE(server.sent.size() == 2);
  CHECK(server.sent[0].type == h2::headers_type);
  h2::Decoder decoder;
  CHECK(decoder.decode(server.sent[0].payload) ==
        h2::Fields{{":status", "200"}, {"content-type", "text/plain"}});
  CHECK(server.sent[1].type == h2::data_type);
  CHECK(server.sent[1].payload == "hello");
  CHECK(server.sent[1].has(h2::end_stream));
  CHECK(server.told.has("sent 1"));
  CHECK(server.told.has("closed 1 0"));
  CHECK(server.session.open_streams() == 0);
}

TEST_CASE("an answer without content ends with its head") {
  Server server;
  server.get(1);
  server.session.send_head(server.stream(1), 204, {}, true);
  server.pull();
  REQUIRE(server.sent.size() == 1);
  CHECK(server.sent[0].has(h2::end_stream));
}

TEST_CASE("an interim response goes before the final one") {
  Server server;
  server.get(1);
  const Field link[] = {field("Link", "</a>")};
  server.session.send_interim(server.stream(1), 103, link);
  server.session.send_head(server.stream(1), 200, {}, true);
  server.pull();
  REQUIRE(server.sent.size() == 2);
  CHECK_FALSE(server.sent[0].has(h2::end_stream));
  h2::Decoder decoder;
  CHECK(decoder.decode(server.sent[0].payload)[0].second == "103");
  CHECK(decoder.decode(server.sent[1].payload)[0].second == "200");
}

TEST_CASE("trailers that were submitted with the content follow it") {
  Server server;
  server.get(1);
  auto name = "Grpc-Status"s;
  const Field trailers[] = {field(name, "0")};
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_content(server.stream(1), "hello", false);
  server.session.send_trailers(server.stream(1), trailers);
  name = "overwritten";
  server.pull();
  REQUIRE(server.sent.size() == 3);
  CHECK(server.sent[1].payload == "hello");
  CHECK_FALSE(server.sent[1].has(h2::end_stream));
  CHECK(server.sent[2].type == h2::headers_type);
  CHECK(server.sent[2].has(h2::end_stream));
  h2::Decoder decoder;
  decoder.decode(server.sent[0].payload);
  CHECK(decoder.decode(server.sent[2].payload) == h2::Fields{{"grpc-status", "0"}});
  CHECK(server.told.has("closed 1 0"));
}

TEST_CASE("trailers that are submitted later end the stream without an empty DATA frame") {
  Server server;
  server.get(1);
  const Field trailers[] = {field("grpc-status", "0")};
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_content(server.stream(1), "hello", false);
  server.pull();
  server.session.send_trailers(server.stream(1), trailers);
  server.pull();
  REQUIRE(server.sent.size() == 3);
  CHECK(server.sent[2].type == h2::headers_type);
  CHECK(server.sent[2].has(h2::end_stream));
  CHECK(server.session.open_streams() == 0);
}

TEST_CASE("trailers right after the head make an answer of two heads") {
  Server server;
  server.get(1);
  const Field trailers[] = {field("grpc-status", "0")};
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_trailers(server.stream(1), trailers);
  server.pull();
  REQUIRE(server.sent.size() == 2);
  CHECK(server.sent[1].has(h2::end_stream));
  CHECK(server.session.open_streams() == 0);
}

TEST_CASE("an end that comes later is an empty DATA frame") {
  Server server;
  server.get(1);
  server.session.send_head(server.stream(1), 200, {}, false);
  server.pull();
  server.session.send_content(server.stream(1), {}, true);
  server.pull();
  REQUIRE(server.sent.size() == 2);
  CHECK(server.sent[1].type == h2::data_type);
  CHECK(server.sent[1].payload.empty());
  CHECK(server.sent[1].has(h2::end_stream));
}

TEST_CASE("content goes as far as the client's window and on when it widens") {
  Server server;
  server.get(1);
  const std::string content(100'000, 'x');
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_content(server.stream(1), content, true);
  server.pull();
  std::size_t sent = 0;
  for (const auto& frame : server.frames(h2::data_type)) sent += frame.payload.size();
  CHECK(sent == 65'535);
  CHECK(server.stream(1).unsent() == content.size() - sent);
  CHECK_FALSE(server.told.has("sent 1"));
  CHECK_FALSE(server.session.has_output());
  server.feed(h2::window_update(0, 100'000) + h2::window_update(1, 100'000));
  CHECK(server.told.has("sent 1"));
  CHECK(server.told.has("closed 1 0"));
}

TEST_CASE("a pull fills the room that it is given, and no more") {
  Server server;
  server.get(1);
  const std::string content(50'000, 'x');
  server.session.send_head(server.stream(1), 200, {}, false);
  server.session.send_content(server.stream(1), content, true);
  Buffer small;
  small.grow(4'096);
  server.session.pull(small);
  CHECK(small.size() <= 4'096);
  CHECK(small.size() > 4'000);
  CHECK(server.session.has_output());
  server.sent_bytes.append(small.view());
  server.pull();
  CHECK(server.told.has("closed 1 0"));
  std::string received;
  for (const auto& frame : server.frames(h2::data_type)) received += frame.payload;
  CHECK(received == content);
}

TEST_CASE("a head larger than the buffer makes it grow") {
  Server server;
  server.get(1);
  const std::string value(40'000, 'v');
  const Field fields[] = {field("x-large", value)};
  server.session.send_head(server.stream(1), 200, fields, true);
  Buffer small;
  small.grow(1'024);
  std::string bytes;
  while (server.session.has_output()) {
    server.session.pull(small);
    bytes.append(small.view());
    small.clear();
  }
  const auto frames = h2::take_frames(bytes);
  REQUIRE(frames.size() >= 2);
  std::string block;
  for (const auto& frame : frames) block += frame.payload;
  h2::Decoder decoder;
  CHECK(decoder.decode(block)[1].second == value);
}

TEST_CASE("a head that is too large to be sent resets its stream") {
  Server server;
  server.get(1);
  const std::string value(200'000, 'v');
  const Field fields[] = {field("x-large", value)};
  server.session.send_head(server.stream(1), 200, fields, true);
  server.pull();
  CHECK(server.reset_code(1) == code(ErrorCode::internal_error));
  CHECK(server.told.has("closed 1 2"));
}

TEST_CASE("credit comes back for what was written onward alone") {
  Server server;
  server.feed(h2::headers(1, h2::block(h2::post())));
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 4; ++i) server.feed(h2::data(1, piece));
  CHECK(server.frames(h2::window_update_type).empty());
  CHECK(server.stream(1).unconsumed() == 64'000);
  server.session.consume(server.stream(1), 40'000);
  server.pull();
  const auto updates = server.frames(h2::window_update_type, 1);
  REQUIRE(updates.size() == 1);
  CHECK(updates[0].number() == 40'000);
}

TEST_CASE("content of a stream that was reset gives its credit back to the connection") {
  Server server;
  server.feed(h2::headers(1, h2::block(h2::post())));
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 3; ++i) server.feed(h2::data(1, piece));
  server.session.reset(server.stream(1), ErrorCode::cancel);
  server.told.streams.clear();
  server.feed(h2::data(1, piece));  // was on its way
  std::uint32_t credit = 0;
  for (const auto& update : server.frames(h2::window_update_type, 0)) credit += update.number();
  CHECK(credit >= 48'000);
  CHECK(server.reset_code(1) == code(ErrorCode::cancel));
  CHECK(server.goaway_code() == -1);
  CHECK(server.told.lines.back() == "content 1 16000");
}

TEST_CASE("the connection's window grows with the streams that bring content, up to a limit") {
  Server server;
  server.told.consumes_at_once = true;
  std::uint32_t window = 65'535;
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 40; ++i) {
    const StreamId id = 2 * i + 1;
    server.feed(h2::headers(id, h2::block(h2::post())));
    server.feed(h2::data(id, piece));
    window -= 16'000;
  }
  for (const auto& update : server.frames(h2::window_update_type, 0)) window += update.number();
  CHECK(window > 800'000);
  CHECK(window <= limits::h2_connection_window_bytes_max);
}

TEST_CASE("an upload that nobody takes leaves the others of its connection room") {
  Server server;
  std::int64_t window = 65'535;
  const auto note_window = [&] {
    for (const auto& update : server.frames(h2::window_update_type, 0)) window += update.number();
    server.sent.clear();
  };
  for (StreamId id = 1; id < 2 * 99; id += 2) {
    server.feed(h2::headers(id, h2::block(h2::post())));
    note_window();
    for (int i = 0; i < 4; ++i) {
      const std::string piece(std::min<std::int64_t>(window, 16'000), 'x');
      server.feed(h2::data(id, piece));
      window -= static_cast<std::int64_t>(piece.size());
    }
  }
  server.feed(h2::headers(199, h2::block(h2::post())));
  note_window();
  CHECK(window >= limits::h2_stream_window_bytes);
  CHECK(server.goaway_code() == -1);
}

TEST_CASE("a client that only asks is told of no more room than it has") {
  Server server;
  for (StreamId id = 1; id < 2 * 50; id += 2) server.get(id);
  CHECK(server.frames(h2::window_update_type).empty());
}

TEST_CASE("uploads that all end at once cost their client nothing for what was on its way") {
  Server server;
  for (StreamId id = 1; id < 2 * 100; id += 2) server.feed(h2::headers(id, h2::block(h2::post())));
  for (StreamId id = 1; id < 2 * 99; id += 2) {
    server.session.reset(server.stream(id), ErrorCode::no_error);
  }
  server.pull();
  for (int round = 0; round < 20; ++round) {
    for (StreamId id = 1; id < 2 * 99; id += 2) server.feed(h2::data(id, "a message"));
  }
  CHECK(server.goaway_code() == -1);
  server.feed(h2::data(199, "still there", h2::end_stream));
  CHECK(server.told.has("end 199"));
}

TEST_CASE("cookies that came in pieces are one field") {
  Server server;
  server.get(1, {{"cookie", "a=1"}, {"x-a", "b"}, {"cookie", "b=2"}, {"cookie", "c=3"}});
  const auto& fields = server.told.heads.at(1)->fields();
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].value == "a=1; b=2; c=3");
  CHECK(fields[1].name == "x-a");
}

TEST_CASE("empty pieces of cookies leave no white space behind") {
  Server server;
  server.get(1, {{"cookie", ""}, {"cookie", "a=1"}, {"cookie", ""}, {"cookie", "b=2"}});
  server.get(3, {{"cookie", ""}, {"cookie", ""}});
  CHECK(server.told.heads.at(1)->fields()[0].value == "a=1; b=2");
  CHECK(server.told.heads.at(3)->fields()[0].value == "");
}

TEST_CASE("a head may outlive its stream and its session") {
  SessionMemory memory;
  PooledHead kept;
  {
    Told told;
    Session session(Role::server, memory, told);
    session.feed(std::string(h2::preface) + h2::settings() +
                     h2::headers(1, h2::block(h2::get({{"x-a", "b"}})), h2::end_stream),
                 Instant());
    kept = std::move(told.heads.at(1));
    session.abandon();
    CHECK(told.has("closed 1 8"));
  }
  CHECK(kept->fields()[0].value == "b");
}

TEST_CASE("a client that resets its stream is told so") {
  Server server;
  server.get(1);
  server.feed(h2::rst_stream(1, 8));
  CHECK(server.told.has("closed 1 8 by peer"));
}

TEST_CASE("extended CONNECT is told with its protocol") {
  Server server;
  server.feed(h2::headers(1, h2::block({{":method", "CONNECT"},
                                        {":protocol", "websocket"},
                                        {":scheme", "http"},
                                        {":path", "/chat"},
                                        {":authority", "a"}})));
  CHECK(server.told.has("head 1 CONNECT a /chat"));
  CHECK(server.told.heads.at(1)->protocol() == "websocket");
}

TEST_CASE("CONNECT is told with its authority") {
  Server server;
  server.feed(h2::headers(1, h2::block({{":method", "CONNECT"}, {":authority", "a:1"}})));
  CHECK(server.told.has("head 1 CONNECT a:1 "));
}

TEST_CASE("a drain says first that no new streams come, and after a round trip which ones did") {
  Server server;
  server.get(1);
  server.session.begin_drain();
  server.pull();
  REQUIRE(server.sent.size() == 2);
  // The answer to the PING says that the GOAWAY before it has been read.
  CHECK(server.sent[0].type == h2::goaway_type);
  CHECK(server.sent[1].type == h2::ping_type);
  const auto pings = server.frames(h2::ping_type);
  REQUIRE(pings.size() == 1);
  REQUIRE(server.frames(h2::goaway_type).size() == 1);
  CHECK(server.frames(h2::goaway_type)[0].number() == 0x7fffffff);
  server.get(3);  // was on its way
  CHECK(server.told.has("head 3 GET a / ends"));
  server.feed(h2::ping(pings[0].payload, h2::ack));
  REQUIRE(server.frames(h2::goaway_type).size() == 2);
  CHECK(server.frames(h2::goaway_type)[1].number() == 3);
  CHECK(server.goaway_code() == 0);
  server.get(5);
  CHECK_FALSE(server.told.has("head 5 GET a / ends"));
  CHECK_FALSE(server.session.is_finished());
  for (const StreamId id : {1, 3}) {
    server.session.send_head(server.stream(id), 204, {}, true);
  }
  server.pull();
  CHECK(server.session.is_finished());
}

TEST_CASE("a drain ends without the peer's answer when its time is over") {
  Server server;
  server.session.begin_drain();
  server.session.finish_drain();
  server.pull();
  CHECK(server.frames(h2::goaway_type).size() == 2);
  CHECK(server.session.is_finished());
}

TEST_CASE("a ping is asked once, and its answer told") {
  Server server;
  server.session.ping();
  server.session.ping();
  server.pull();
  const auto pings = server.frames(h2::ping_type);
  REQUIRE(pings.size() == 1);
  CHECK(server.session.is_ping_unanswered());
  server.feed(h2::ping(pings[0].payload, h2::ack));
  CHECK(server.told.has("pong"));
  CHECK_FALSE(server.session.is_ping_unanswered());
}

TEST_CASE("sessions that share a frame block do not write over each other") {
  SessionMemory memory;
  Told told[2];
  Session first(Role::client, memory, told[0]);
  Session second(Role::server, memory, told[1]);
  Buffer out[2];
  for (auto& buffer : out) buffer.grow(64 * 1024);
  for (int turn = 0; turn < 4; ++turn) {
    first.pull(out[0]);
    second.pull(out[1]);
    second.feed(out[0].view(), Instant());
    first.feed(out[1].view(), Instant());
    for (auto& buffer : out) buffer.clear();
  }
  CHECK(first.goaway_code() == ErrorCode::no_error);
  CHECK(second.goaway_code() == ErrorCode::no_error);
  CHECK_FALSE(first.is_finished());
  first.open({.method = "GET", .scheme = "http", .authority = "a", .path = "/"}, true);
  first.pull(out[0]);
  second.feed(out[0].view(), Instant());
  CHECK(told[1].has("head 1 GET a / ends"));
  first.abandon();
  second.abandon();
}

}  // namespace tandem::test::server_test
