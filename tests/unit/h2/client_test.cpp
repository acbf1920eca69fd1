// The client role: two sessions that talk to each other, and servers that misbehave.
#include <catch2/catch.hpp>

#include "session_fixture.hpp"

namespace tandem::test::client_test {

using master::h2::OutgoingRequest;

namespace {

Field field(std::string_view name, std::string_view value) { return {kind_of(name), name, value}; }

constexpr OutgoingRequest get_a{.method = "GET", .scheme = "http", .authority = "a", .path = "/"};

// A client whose server has sent its settings.
class Client : public Side {
 public:
  explicit Client(const std::string& settings = h2::settings()) : Side(Role::client) {
    feed(settings + h2::settings_ack());
    CHECK(sent_bytes.starts_with(h2::preface));
    sent_bytes.erase(0, h2::preface.size());
    pull();
    sent.clear();
  }
  StreamId get() {
    auto& stream = session.open(get_a, true);
    told.streams[stream.id()] = &stream;
    pull();
    return stream.id();
  }
};

std::string response(StreamId id, std::string_view status, std::uint8_t flags = h2::no_flags,
                     h2::Fields more = {}) {
  more.insert(more.begin(), {":status", std::string(status)});
  return h2::headers(id, h2::block(more), flags);
}

}  // namespace

TEST_CASE("a client begins with the preface and its settings") {
  Side client(Role::client);
  client.pull();
  REQUIRE(client.sent_bytes.starts_with(h2::preface));
  client.sent_bytes.erase(0, h2::preface.size());
  client.pull();
  REQUIRE_FALSE(client.sent.empty());
  CHECK(client.sent[0].type == h2::settings_type);
}

TEST_CASE("a request and its answer pass between two sessions") {
  Pair pair;
  const Field fields[] = {field("X-A", "b"), field("Connection", "close"), field("Host", "other"),
                          field("TE", "trailers, gzip"), field("cookie", "a=1")};
  OutgoingRequest request{
      .method = "POST", .scheme = "http", .authority = "a", .path = "/p?q", .fields = fields};
  auto& stream = pair.open(request, false);
  pair.client.session.send_content(stream, "hello", true);
  pair.exchange();
  CHECK(pair.server.told.lines ==
        std::vector<std::string>{"head 1 POST a /p?q", "content 1 5", "end 1"});
  const auto& sent = pair.server.told.heads.at(1)->fields();
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].name == "x-a");
  CHECK(sent[1].name == "te");
  CHECK(sent[1].value == "trailers");
  CHECK(sent[2].name == "cookie");

  const Field answer[] = {field("content-type", "text/plain")};
  const Field trailers[] = {field("grpc-status", "0")};
  auto& theirs = pair.server.stream(1);
  pair.server.session.send_head(theirs, 200, answer, false);
  pair.server.session.send_content(theirs, "world", false);
  pair.server.session.send_trailers(theirs, trailers);
  pair.exchange();
  CHECK(pair.client.told.lines == std::vector<std::string>{"sent 1", "head 1 200", "content 1 5",
                                                           "trailers 1 1", "end 1", "closed 1 0"});
  CHECK(pair.client.told.content == "world");
  CHECK(pair.server.session.open_streams() == 0);
  CHECK(pair.client.session.open_streams() == 0);
}

TEST_CASE("a megabyte passes in both directions, by the reader's credit") {
  Pair pair;
  std::string content(1024 * 1024, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 256);
  pair.server.told.consumes_at_once = pair.client.told.consumes_at_once = true;
  OutgoingRequest request = get_a;
  request.method = "POST";
  auto& stream = pair.open(request, false);
  pair.client.session.send_content(stream, content, true);
  pair.exchange();
  REQUIRE(pair.server.told.has("end 1"));
  CHECK(pair.server.told.content == content);
  pair.server.session.send_head(pair.server.stream(1), 200, {}, false);
  pair.server.session.send_content(pair.server.stream(1), content, true);
  pair.exchange();
  CHECK(pair.client.told.has("closed 1 0"));
  CHECK(pair.client.told.content == content);
}

TEST_CASE("a reader that consumes nothing stops its writer, and other streams go on") {
  Pair pair;
  const std::string content(1024 * 1024, 'x');
  OutgoingRequest request = get_a;
  request.method = "POST";
  auto& stream = pair.open(request, false);
  pair.client.session.send_content(stream, content, true);
  pair.exchange();
  CHECK(pair.server.told.content.size() == 65'535);
  CHECK(stream.unsent() == content.size() - 65'535);
  pair.open(get_a);
  pair.exchange();
  CHECK(pair.server.told.has("head 3 GET a / ends"));
  pair.server.session.consume(pair.server.stream(1), 65'535);
  pair.exchange();
  CHECK(pair.server.told.content.size() > 65'535);
}

TEST_CASE("a cancelled request is told to the server at once") {
  Pair pair;
  auto& stream = pair.open(get_a);
  pair.exchange();
  pair.client.session.reset(stream, ErrorCode::cancel);
  pair.exchange();
  CHECK(pair.server.told.has("closed 1 8 by peer"));
  CHECK(pair.client.told.lines.empty());
  CHECK(pair.client.session.open_streams() == 0);
}

TEST_CASE("a client opens no more streams than its server allows") {
  Client client(h2::settings({{h2::max_concurrent_streams, 2}}));
  client.get();
  CHECK(client.session.can_open());
  client.get();
  CHECK_FALSE(client.session.can_open());
  client.feed(response(1, "204", h2::end_stream));
  CHECK(client.session.can_open());
  client.feed(h2::settings({{h2::max_concurrent_streams, 0}}));
  CHECK_FALSE(client.session.can_open());
}

TEST_CASE("a head is as large as its server takes, and no larger (RFC 9113 §10.5.1)") {
  // As RFC 9113 §6.5.2 counts: names, values, and 32 bytes for each.
  constexpr std::uint32_t pseudo = 7 + 3 + 7 + 4 + 5 + 1 + 10 + 1 + 4 * 32;
  constexpr std::uint32_t with_field = pseudo + 3 + 1 + 32;
  const Field fields[] = {field("x-a", "b")};
  auto with_one = get_a;
  with_one.fields = fields;
  Client any;
  CHECK(any.session.peer_takes(with_one));
  Client strict(h2::settings({{h2::max_header_list_size, with_field}}));
  CHECK(strict.session.peer_takes(with_one));
  CHECK(strict.session.peer_takes(get_a));
  strict.feed(h2::settings({{h2::max_header_list_size, with_field - 1}}));
  CHECK_FALSE(strict.session.peer_takes(with_one));
  CHECK(strict.session.peer_takes(get_a));
  strict.feed(h2::settings({{h2::max_header_list_size, pseudo - 1}}));
  CHECK_FALSE(strict.session.peer_takes(get_a));
}

TEST_CASE("fields that end at this hop, and Host, do not count for the size of a head") {
  const Field fields[] = {field("Connection", "close"), field("Host", "other"),
                          field("Keep-Alive", "1"), field("Transfer-Encoding", "chunked")};
  auto request = get_a;
  request.fields = fields;
  Client client(h2::settings({{h2::max_header_list_size, 166}}));
  CHECK(client.session.peer_takes(get_a));
  CHECK(client.session.peer_takes(request));
}

TEST_CASE("a field that nobody may index leaves so, and others as they were") {
  Pair pair;
  FieldNames names;
  names.add("x-secret");
  names.add(":path");
  const Field fields[] = {field("X-Secret", "1"), field("x-open", "2")};
  auto request = get_a;
  request.fields = fields;
  request.never_indexed = &names;
  pair.open(request);
  pair.exchange();
  const auto& marked = pair.server.told.heads.at(1)->never_indexed();
  CHECK(marked == std::vector<std::string_view>{":path", "x-secret"});
}

TEST_CASE("a refused stream was not processed") {
  Client client;
  client.get();
  client.feed(h2::rst_stream(1, 7));
  CHECK(client.told.has("closed 1 7 by peer unprocessed"));
}

TEST_CASE("a stream that was reset otherwise may have been processed") {
  Client client;
  client.get();
  client.feed(h2::rst_stream(1, 8));
  CHECK(client.told.has("closed 1 8 by peer"));
}

TEST_CASE("a server that ends a stream twice, with a reset each time, loses no other stream") {
  const std::string trailers_only = response(1, "200", h2::end_stream) + h2::rst_stream(1, 0);
  Client client;
  SECTION("whose request was complete") { client.get(); }
  SECTION("whose request was not") {
    auto& stream = client.session.open(get_a, false);
    client.told.streams[stream.id()] = &stream;
    client.pull();
  }
  client.get();
  client.feed(trailers_only + trailers_only);
  CHECK(client.session.goaway_code() == ErrorCode::no_error);
  client.feed(response(3, "204", h2::end_stream));
  CHECK(client.told.has("head 3 204 ends"));
  CHECK(client.told.has("closed 3 0"));
}

TEST_CASE("a stream that ended twice is forgotten as a whole when others end after it") {
  const std::string trailers_only = response(1, "200", h2::end_stream) + h2::rst_stream(1, 0);
  Client client;
  client.get();
  client.feed(trailers_only + h2::rst_stream(1, 0));
  for (int i = 0; i < 12; ++i) client.feed(h2::rst_stream(client.get(), 8));
  const auto innocent = client.get();
  client.feed(trailers_only);
  CHECK(client.session.goaway_code() == ErrorCode::no_error);
  client.feed(response(innocent, "204", h2::end_stream));
  CHECK(client.told.has(fmt::format("closed {} 0", innocent)));
}

TEST_CASE("answers that nobody takes leave the others of their connection room, however many") {
  Client client;
  std::vector<StreamId> ids;
  while (ids.size() < 100) ids.push_back(client.get());
  std::uint64_t room = 65'535;
  for (const auto& update : client.frames(h2::window_update_type, 0)) room += update.number();
  CHECK(client.frames(h2::window_update_type, 0).size() <= 7);
  CHECK(room >= ids.size() * tandem::limits::h2_stream_window_bytes);
  // All but the last fill their windows.
  const std::string piece(16'384, 'x');
  for (const auto id : ids) {
    client.feed(response(id, "200"));
    for (int i = 0; id != ids.back() && i < 4; ++i) client.feed(h2::data(id, piece));
  }
  client.feed(h2::data(ids.back(), "x", h2::end_stream));
  CHECK(client.told.has(fmt::format("closed {} 0", ids.back())));
  CHECK(client.session.goaway_code() == ErrorCode::no_error);
}

TEST_CASE("an answer that is taken has room beside others that nobody takes") {
  Client client;
  std::vector<StreamId> ids;
  while (ids.size() < 64) ids.push_back(client.get());
  std::int64_t room = 65'535;
  const std::string piece(16'384, 'x');
  const auto feed = [&](StreamId id) {
    for (const auto& update : client.frames(h2::window_update_type, 0)) room += update.number();
    client.sent.clear();
    REQUIRE(room >= static_cast<std::int64_t>(piece.size()));
    client.feed(h2::data(id, piece));
    room -= static_cast<std::int64_t>(piece.size());
  };
  for (const auto id : ids) client.feed(response(id, "200"));
  client.told.consumes_at_once = true;
  for (int i = 0; i < 64; ++i) feed(ids.back());
  client.told.consumes_at_once = false;
  for (const auto id : ids) {
    for (int i = 0; id != ids.back() && i < 4; ++i) feed(id);
  }
  client.told.consumes_at_once = true;
  for (int i = 0; i < 1'000; ++i) feed(ids.back());
  CHECK(client.session.goaway_code() == ErrorCode::no_error);
}

TEST_CASE("a server that goes on sending on streams that it has reset is told to go away") {
  Client client;
  client.get();
  const std::string whole = response(1, "200", h2::end_stream);
  client.feed(whole + h2::rst_stream(1, 0));
  for (int i = 0; i < 10'000 && !client.session.is_finished(); ++i) {
    client.feed(whole);
    client.pull();
  }
  CHECK(client.session.goaway_code() == ErrorCode::enhance_your_calm);
}

TEST_CASE("streams above a GOAWAY's last id were not processed, and those below go on") {
  Client client;
  client.get();
  client.get();
  client.feed(h2::goaway(1, 0));
  CHECK(client.told.has("goaway 1 0"));
  CHECK(client.told.has("closed 3 7 unprocessed"));
  CHECK_FALSE(client.session.can_open());
  CHECK_FALSE(client.session.is_finished());
  client.feed(response(1, "204", h2::end_stream));
  CHECK(client.told.has("closed 1 0"));
  CHECK(client.session.is_finished());
}

TEST_CASE("a graceful GOAWAY ends no stream") {
  Client client;
  client.get();
  client.feed(h2::goaway(0x7fffffff, 0));
  CHECK_FALSE(client.session.can_open());
  client.feed(response(1, "204", h2::end_stream));
  CHECK(client.told.has("closed 1 0"));
}

TEST_CASE("a lost connection says of no stream that it was not processed") {
  Client client;
  client.get();
  client.session.abandon();
  CHECK(client.told.has("closed 1 8"));
  CHECK_FALSE(client.told.closures.at(1).unprocessed);
}

TEST_CASE("interim responses come before the final one") {
  Client client;
  client.get();
  client.feed(response(1, "100") + response(1, "103") + response(1, "200") +
              h2::data(1, "x", h2::end_stream));
  CHECK(client.told.lines == std::vector<std::string>{"interim 1 100", "interim 1 103",
                                                      "head 1 200", "content 1 1", "end 1",
                                                      "closed 1 0"});
}

TEST_CASE("a drain of two sessions loses no request") {
  Pair pair;
  pair.open(get_a);
  pair.exchange();
  pair.server.session.begin_drain();
  pair.open(get_a);  // crosses the GOAWAY
  pair.exchange();
  CHECK(pair.server.told.has("head 3 GET a / ends"));
  CHECK_FALSE(pair.client.session.can_open());
  for (const StreamId id : {1, 3}) {
    pair.server.session.send_head(pair.server.stream(id), 204, {}, true);
  }
  pair.exchange();
  CHECK(pair.client.told.has("closed 1 0"));
  CHECK(pair.client.told.has("closed 3 0"));
  CHECK(pair.server.session.is_finished());
  CHECK(pair.client.session.is_finished());
}

TEST_CASE("a client drains when its streams have ended") {
  Client client;
  client.get();
  client.session.begin_drain();
  client.pull();
  CHECK_FALSE(client.session.can_open());
  CHECK_FALSE(client.session.is_finished());
  client.feed(response(1, "204", h2::end_stream));
  CHECK(client.session.is_finished());
}

// One more than is read.
h2::Fields too_many_fields() {
  return h2::Fields(tandem::limits::h2_response_fields_max + 1, {"x", "y"});
}

TEST_CASE("answers that are malformed reset their stream (RFC 9113 §8.1.1)") {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"no :status", h2::headers(1, h2::block({{"x", "y"}}), h2::end_stream)},
      {"a :status of two digits", response(1, "20", h2::end_stream)},
      {"a :status that is no number", response(1, "2x0", h2::end_stream)},
      {"a :status below 100", response(1, "099", h2::end_stream)},
      {"101", response(1, "101")},
      {"an interim response that ends", response(1, "100", h2::end_stream)},
      {"two :status", response(1, "200", h2::end_stream, {{":status", "200"}})},
      {"a pseudo-field of requests", response(1, "200", h2::end_stream, {{":path", "/"}})},
      {"a name in capitals", response(1, "200", h2::end_stream, {{"X-A", "b"}})},
      {"a line's end in a value", response(1, "200", h2::end_stream, {{"x", "a\r\nb: c"}})},
      {"a NUL in a value", response(1, "200", h2::end_stream, {{"x", "a\0b"s}})},
      {"Connection", response(1, "200", h2::end_stream, {{"connection", "close"}})},
      {"Transfer-Encoding", response(1, "200", h2::end_stream, {{"transfer-encoding", "chunked"}})},
      {"two Content-Lengths",
       response(1, "200", 0, {{"content-length", "1"}, {"content-length", "1"}})},
      {"too little content",
       response(1, "200", 0, {{"content-length", "5"}}) + h2::data(1, "x", h2::end_stream)},
      {"too much content",
       response(1, "200", 0, {{"content-length", "1"}}) + h2::data(1, "xyz", h2::end_stream)},
      {"content before the final response", response(1, "100") + h2::data(1, "x")},
      {"a pseudo-field in trailers",
       response(1, "200") + h2::headers(1, h2::block({{":status", "200"}}), h2::end_stream)},
      {"too many fields", response(1, "200", h2::end_stream, too_many_fields())},
      {"too many fields of an interim response", response(1, "103", 0, too_many_fields())},
      {"too many trailers",
       response(1, "200") + h2::headers(1, h2::block(too_many_fields()), h2::end_stream)},
  };
  for (const auto& [why, frames] : wrong) {
    Client client;
    client.get();
    client.feed(frames);
    INFO(why << ": " << fmt::format("{}", fmt::join(client.told.lines, ", ")));
    CHECK(client.reset_code(1) == code(ErrorCode::protocol_error));
    CHECK(client.told.lines.back() == "closed 1 1");
    CHECK_FALSE(client.told.closures.at(1).unprocessed);
    CHECK(client.goaway_code() == -1);
    CHECK(client.session.can_open());
  }
}

TEST_CASE("servers that break the protocol lose the connection") {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"an HTTP/1 answer", "HTTP/1.1 400 Bad Request\r\n\r\n"},
      {"a PUSH_PROMISE that nobody allowed",
       h2::frame(h2::push_promise_type, h2::end_headers, 1, "\0\0\0\x02"s + h2::block(h2::get()))},
      {"an answer to nothing", response(7, "200")},
      {"an answer on an even stream", response(2, "200")},
      {"DATA of the connection", h2::data(0, "x")},
      {"no HPACK", h2::headers(1, "\xff\xff\xff\xff\xff")},
      {"ENABLE_PUSH of a server", h2::settings({{h2::enable_push, 1}})},
  };
  for (const auto& [why, frames] : wrong) {
    Client client;
    client.get();
    client.feed(frames);
    INFO(why);
    CHECK(client.session.is_finished());
    CHECK(client.session.goaway_code() != ErrorCode::no_error);
    client.session.abandon();
    CHECK(client.told.closures.count(1) == 1);
  }
}

TEST_CASE("a server that floods its client loses the connection") {
  Client client;
  for (int i = 0; i < 10'000 && !client.session.is_finished(); ++i) client.feed(h2::settings());
  CHECK(client.session.is_finished());
  CHECK(client.goaway_code() == code(ErrorCode::enhance_your_calm));
}

TEST_CASE("extended CONNECT carries bytes in both directions") {
  Pair pair;
  OutgoingRequest request = get_a;
  request.method = "CONNECT";
  request.protocol = "websocket";
  auto& stream = pair.open(request, false);
  pair.exchange();
  CHECK(pair.server.told.heads.at(1)->protocol() == "websocket");
  pair.server.session.send_head(pair.server.stream(1), 200, {}, false);
  pair.exchange();
  CHECK(pair.client.told.has("head 1 200"));
  pair.client.session.send_content(stream, "ping", false);
  pair.server.session.send_content(pair.server.stream(1), "pong", false);
  pair.exchange();
  CHECK(pair.server.told.content == "ping");
  CHECK(pair.client.told.content == "pong");
  pair.client.session.send_content(stream, {}, true);
  pair.server.session.send_content(pair.server.stream(1), {}, true);
  pair.exchange();
  CHECK(pair.client.told.has("closed 1 0"));
  CHECK(pair.server.told.has("closed 1 0"));
}

TEST_CASE("a request whose head is too large is never sent") {
  Client client;
  const std::string value(200'000, 'v');
  const Field fields[] = {field("x", value)};
  OutgoingRequest request = get_a;
  request.fields = fields;
  client.session.open(request, true);
  client.pull();
  CHECK(client.frames(h2::headers_type).empty());
  REQUIRE(client.told.closures.count(1) == 1);
  CHECK(client.told.closures.at(1).unprocessed);
}

TEST_CASE("what differs with each request pushes nothing out of the table that a worker keeps") {
  Client client;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) {
    // Letters that HPACK writes in as many bits.
    std::string id(20, 'a');
    for (int digit = 0, rest = i; rest > 0; ++digit, rest /= 4) id[digit] = "acei"[rest % 4];
    const Field fields[] = {field("X-Request-Id", id), field("User-Agent", "somebody/1.0")};
    auto request = get_a;
    request.fields = fields;
    auto& stream = client.session.open(request, true);
    client.told.streams[stream.id()] = &stream;
    const auto number = stream.id();
    client.pull();
    sizes.push_back(client.frames(h2::headers_type, number).at(0).payload.size());
    client.feed(response(number, "204", h2::end_stream));
    client.told.heads.clear();
  }
  CHECK(sizes.at(0) > sizes.at(1));
  CHECK(std::count(sizes.begin(), sizes.end(), sizes.at(1)) == 199);
}

}  // namespace tandem::test::client_test
