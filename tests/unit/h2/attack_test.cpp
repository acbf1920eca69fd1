// Peers that do what helps nobody: told to go away, then closed, and never more than bounded
// memory.
#include <catch2/catch.hpp>

#include "session_fixture.hpp"

namespace tandem::test::attack_test {
namespace {

const auto get_block = h2::block(h2::get());

// What a flood does to a server: how many rounds it bears before it says GOAWAY, and before it is
// closed.
struct Borne {
  int until_goaway = 0;
  int until_closed = 0;
  std::int64_t code = -1;
};

template <class Round>
Borne flood(Server& server, Round round) {
  Borne borne;
  constexpr int rounds_max = 100'000;
  for (int i = 0; i < rounds_max && !server.session.is_finished(); ++i) {
    server.feed(round(i));
    ++borne.until_closed;
    if (server.goaway_code() == -1) ++borne.until_goaway;
    server.sent.erase(
        std::remove_if(server.sent.begin(), server.sent.end(),
                       [](const auto& frame) { return frame.type != h2::goaway_type; }),
        server.sent.end());
  }
  borne.code = server.goaway_code();
  return borne;
}

void check_ends(const Borne& borne, int at_least, int at_most) {
  INFO(borne.until_goaway << " rounds until GOAWAY, " << borne.until_closed << " in all");
  CHECK(borne.code == code(ErrorCode::enhance_your_calm));
  CHECK(borne.until_closed >= at_least);
  CHECK(borne.until_closed <= at_most);
  CHECK(borne.until_goaway < borne.until_closed);
  CHECK(borne.until_goaway >= borne.until_closed / 2);
}

StreamId nth(int i) { return 2 * i + 1; }

}  // namespace

TEST_CASE("requests that are reset at once end the connection (CVE-2023-44487)") {
  Server server;
  const auto borne = flood(server, [](int i) {
    return h2::headers(nth(i), get_block, h2::end_stream) + h2::rst_stream(nth(i), 8);
  });
  check_ends(borne, 50, 200);
  CHECK(server.session.open_streams() == 0);
}

TEST_CASE("resets of a stream that is gone end the connection") {
  Server server;
  server.feed(h2::headers(1, get_block, h2::end_stream) + h2::rst_stream(1, 8));
  check_ends(flood(server, [](int) { return h2::rst_stream(1, 8); }), 500, 1'000);
}

TEST_CASE("requests that are reset in the next turn end the connection later") {
  Server server;
  const auto borne = flood(server, [](int i) {
    return i % 2 == 0 ? h2::headers(nth(i / 2), get_block, h2::end_stream)
                      : h2::rst_stream(nth(i / 2), 8);
  });
  check_ends(borne, 400, 2'000);
}

TEST_CASE("answers that are reset as soon as they begin end the connection") {
  Server server;
  const auto borne = flood(server, [&server](int i) {
    if (i % 2 == 0) return h2::headers(nth(i / 2), get_block, h2::end_stream);
    server.session.send_head(server.stream(nth(i / 2)), 200, {}, false);
    server.pull();
    return h2::rst_stream(nth(i / 2), 8);
  });
  check_ends(borne, 1'500, 2'500);
}

TEST_CASE("requests that the server must reset end the connection (CVE-2025-8671)") {
  Server server;
  const auto block = h2::block(h2::post({{"content-length", "0"}}));
  check_ends(
      flood(server, [&](int i) { return h2::headers(nth(i), block) + h2::data(nth(i), "x"); }), 50,
      200);
}

TEST_CASE("windows that are made too large end the connection (CVE-2025-8671)") {
  Server server;
  const auto borne = flood(server, [](int i) {
    return h2::headers(nth(i), get_block, h2::end_stream) + h2::window_update(nth(i), 0x7fffffff);
  });
  check_ends(borne, 50, 200);
}

TEST_CASE("malformed requests end the connection") {
  Server server;
  const auto block = h2::block(h2::get_with(":path", "x"));
  check_ends(flood(server, [&](int i) { return h2::headers(nth(i), block, h2::end_stream); }), 50,
             200);
}

TEST_CASE("SETTINGS without end end the connection") {
  Server server;
  check_ends(flood(server, [](int) { return h2::settings(); }), 50, 200);
}

TEST_CASE("PINGs without end end the connection") {
  Server server;
  check_ends(flood(server, [](int) { return h2::ping(); }), 200, 1'000);
}

TEST_CASE("PRIORITY without end ends the connection") {
  Server server;
  check_ends(
      flood(server, [](int i) { return h2::frame(h2::priority_type, 0, nth(i), "\0\0\0\0\x10"s); }),
      500, 2'000);
}

TEST_CASE("WINDOW_UPDATE without end ends the connection") {
  Server server;
  check_ends(flood(server, [](int) { return h2::window_update(0, 1); }), 500, 2'000);
}

TEST_CASE("frames of unknown types without end end the connection") {
  Server server;
  check_ends(flood(server, [](int) { return h2::frame(0xee, 0, 0, "x"); }), 500, 2'000);
}

TEST_CASE("empty DATA without end ends the connection") {
  for (const auto& empty : {h2::data(1, ""), h2::data(1, "\x02\0\0"s, h2::padded)}) {
    Server server;
    server.feed(h2::headers(1, h2::block(h2::post())));
    check_ends(flood(server, [&](int) { return empty; }), 200, 1'000);
  }
}

TEST_CASE("CONTINUATION without end ends the connection") {
  Server server;
  server.feed(h2::frame(h2::headers_type, 0, 1, get_block));
  for (int i = 0; i < 100 && !server.session.is_finished(); ++i) {
    server.feed(h2::frame(h2::continuation_type, 0, 1, i % 2 == 0 ? "" : get_block.substr(0, 9)));
  }
  CHECK(server.session.is_finished());
  CHECK(server.goaway_code() == code(ErrorCode::enhance_your_calm));
  CHECK(server.memory.bytes_in_use() < 64 * 1024);
}

TEST_CASE("more than twice the allowed streams in one turn end the connection") {
  Server server;
  std::string requests;
  for (int i = 0; i < 201; ++i) {
    requests += h2::headers(nth(i), get_block, h2::end_stream) + h2::rst_stream(nth(i), 8);
  }
  server.feed(requests);
  CHECK(server.session.is_finished());
  CHECK(server.goaway_code() == code(ErrorCode::enhance_your_calm));
}

TEST_CASE("what was told to go away is still answered") {
  Server server;
  server.get(1);
  while (server.goaway_code() == -1) server.feed(h2::settings());
  CHECK_FALSE(server.session.is_finished());
  server.session.send_head(server.stream(1), 204, {}, true);
  server.pull();
  CHECK(server.told.has("closed 1 0"));
  CHECK(server.session.is_finished());
}

TEST_CASE("patience comes back with time") {
  Server server;
  for (int i = 0; i < 1'000; ++i) {
    server.now = server.now + 100ms;  // ten points
    server.feed(h2::settings());
  }
  CHECK(server.goaway_code() == -1);
}

TEST_CASE("a busy connection some of whose requests are cancelled is no attack") {
  Server server;
  int id = 0;
  for (int i = 0; i < 5'000; ++i) {
    server.get(nth(id));
    server.feed(h2::rst_stream(nth(id++), 8));
    for (int j = 0; j < 2; ++j) {
      server.get(nth(id));
      server.session.send_head(server.stream(nth(id++)), 204, {}, true);
      server.pull();
    }
    server.sent.clear();
    server.told.lines.clear();
  }
  CHECK(server.session.open_streams() == 0);
  CHECK_FALSE(server.session.is_finished());
}

TEST_CASE("a client that sends a PING for each answer, and credit often, is no attacker") {
  Server server;
  for (int i = 0; i < 5'000; ++i) {
    server.get(nth(i));
    server.session.send_head(server.stream(nth(i)), 200, {}, false);
    server.session.send_content(server.stream(nth(i)), "hello", true);
    server.pull();
    server.feed(h2::ping() + h2::window_update(0, 5) + h2::window_update(0, 1));
    server.sent.clear();
    server.told.lines.clear();
  }
  CHECK_FALSE(server.session.is_finished());
}

TEST_CASE("a peer that sends and does not read is closed, in bounded memory") {
  Server server;
  for (int i = 0; i < 100'000 && server.session.goaway_code() == ErrorCode::no_error; ++i) {
    server.now = server.now + 1s;  // its patience is as good as new
    server.session.feed(h2::ping(), server.now);
    CHECK(server.memory.bytes_in_use() < 256 * 1024);
  }
  CHECK(server.session.goaway_code() == ErrorCode::enhance_your_calm);
}

TEST_CASE("a session whose answers wait wants no more input") {
  Server server;
  for (int i = 0; i < 199 && server.session.wants_input(); ++i) {
    server.now = server.now + 1s;
    server.session.feed(h2::ping(), server.now);
  }
  CHECK_FALSE(server.session.wants_input());
  server.pull();
  CHECK(server.session.wants_input());
  CHECK(server.goaway_code() == -1);
}

}  // namespace tandem::test::attack_test
