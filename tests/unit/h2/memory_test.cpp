// What sessions cost: blocks of the heap for a request, and bytes while nothing happens.
#include <catch2/catch.hpp>

#include "session_fixture.hpp"

namespace tandem::test::memory_test {
namespace {

// What a browser sends first, and puts into the table: GET /, http, and names of the static table.
std::string head_of_browser() {
  std::string block = "\x82\x84\x86";
  for (const auto& [name, value] : std::initializer_list<std::pair<unsigned, const char*>>{
           {1, "shop.example.org"},
           {58, "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"},
           {19, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"},
           {17, "en-US,en;q=0.5"},
           {16, "gzip, deflate, br"}}) {
    block += h2::indexed_literal(name, value);
  }
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"upgrade-insecure-requests", "1"},
           {"sec-fetch-dest", "document"},
           {"sec-fetch-mode", "navigate"},
           {"sec-fetch-site", "none"}}) {
    block += h2::indexed_literal(name, value);
  }
  return block;
}

// What most answers say.
const std::vector<Field> answer{{FieldKind::date, "date", "Fri, 27 Nov 2026 06:00:00 GMT"},
                                {FieldKind::other, "server", "nginx/1.22.1"},
                                {FieldKind::other, "content-type", "text/html; charset=utf-8"},
                                {FieldKind::other, "vary", "accept-encoding"},
                                {FieldKind::other, "cache-control", "public, max-age=3600"},
                                {FieldKind::via, "via", "1.1 tandem"}};

void serve(Side& server, StreamId id, const std::string& block) {
  server.feed(h2::headers(id, block, h2::end_stream));
  server.session.send_head(server.stream(id), 200, answer, false);
  server.session.send_content(server.stream(id), "hello", true);
  server.pull();
  server.told.heads.clear();
}

}  // namespace

TEST_CASE("a session that has served a browser and is idle costs less than 8 KiB") {
  Server server;
  serve(server, 1, head_of_browser());
  server.session.give_back_memory();
  const auto bytes = server.memory.bytes_in_use() + sizeof(Session);
  INFO(bytes << " bytes, of which " << sizeof(Session) << " are ours");
  CHECK(bytes < 8 * 1024);
  serve(server, 3, h2::block(h2::get()));
  CHECK(server.told.has("closed 3 0"));
}

TEST_CASE("streams that have ended leave no memory behind") {
  Server server;
  const auto block = h2::block(h2::get({{"x-a", "b"}}));
  serve(server, 1, block);
  const auto before = server.memory.bytes_in_use();
  for (StreamId id = 3; id < 1'000; id += 2) serve(server, id, block);
  CHECK(server.memory.bytes_in_use() == before);
}

TEST_CASE("a session returns all of its memory") {
  SessionMemory memory;
  Told told;
  {
    Session session(Role::server, memory, told);
    session.feed(std::string(h2::preface) + h2::settings() + h2::headers(1, h2::block(h2::get())),
                 Instant());
    session.abandon();
    told.heads.clear();
    CHECK(memory.bytes_in_use() > 0);
  }
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("a session whose answers have filled their table and is idle costs less than 9 KiB") {
  Server server;
  const auto block = h2::block(h2::get());
  for (StreamId id = 1; id < 200; id += 2) {
    server.feed(h2::headers(id, block, h2::end_stream));
    const auto name = fmt::format("{}", id);
    const std::vector<Field> fields{{FieldKind::other, "server", name}};
    server.session.send_head(server.stream(id), 200, fields, true);
    server.pull();
    server.told.heads.clear();
  }
  server.session.give_back_memory();
  const auto bytes = server.memory.bytes_in_use() + sizeof(Session);
  INFO(bytes << " bytes, of which " << sizeof(Session) << " are ours");
  CHECK(bytes < 9 * 1024);
}

TEST_CASE("what comes with each answer is told by its number alone when it comes again") {
  Server server;
  const auto block = h2::block(h2::get());
  const std::vector<Field> fields{{FieldKind::date, "Date", "Fri, 27 Nov 2026 06:00:00 GMT"},
                                  {FieldKind::other, "Server", "nginx/1.22.1"},
                                  {FieldKind::via, "via", "1.1 tandem"}};
  const auto bytes_of_answer = [&](StreamId id) {
    server.feed(h2::headers(id, block, h2::end_stream));
    server.session.send_head(server.stream(id), 200, fields, true);
    server.pull();
    server.told.heads.clear();
    return server.frames(h2::headers_type, id).at(0).payload.size();
  };
  CHECK(bytes_of_answer(1) > 40);
  CHECK(bytes_of_answer(3) == 1 + fields.size());  // and the status
}

}  // namespace tandem::test::memory_test
