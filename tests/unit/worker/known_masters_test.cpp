// What a worker has learned of masters, as strangers and broken disks may bring it.
#include "worker/src/known_masters.hpp"

#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "worker/src/witness_port.hpp"

namespace tandem::known_masters_test {

using Catch::Matchers::Contains;

namespace {

std::string refusal_of(std::string_view text) {
  const auto parsed = parse_known_masters(text);
  return parsed ? "none" : parsed.error().message;
}

std::string many(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("m{}=10.0.0.1:{} ", i, 7000 + i);
  return text;
}

}  // namespace

TEST_CASE("a list of masters is understood whole, or not at all") {
  const auto list =
      parse_known_masters("a=10.0.0.1:7070 b=[::1]:7071\nc=host.example:7 d=0.0.0.0:7");
  REQUIRE(list);
  CHECK(to_string(*list) == "a=10.0.0.1:7070 b=[::1]:7071 c=host.example:7 d=0.0.0.0:7");
  CHECK(parse_known_masters("")->empty());
  CHECK(parse_known_masters(" \n\t ")->empty());
  for (const std::string wrong :
       {"nonsense", "=", "a=", "=10.0.0.1:1", "a=10.0.0.1", "a=10.0.0.1:0", "a=10.0.0.1:65536",
        "a=10.0.0.1:-1", "a=10.0.0.1:1=2", "a=:1", "a:b=10.0.0.1:1", "a=10.0.0.1:99999999999999",
        "\xff=10.0.0.1:1", "a=\xc3\x28:1", "a=10.0.0.1:1\x01", "{\"a\":1}"}) {
    CAPTURE(wrong);
    CHECK_THAT(refusal_of(wrong), Contains("is not NAME=HOST:PORT"));
    CHECK_THAT(refusal_of("z=10.0.0.9:7070 " + wrong), Contains("is not NAME=HOST:PORT"));
  }
  CHECK(refusal_of("\x1b[2J=1") == "\\x1b[2J=1 is not NAME=HOST:PORT");
  CHECK(refusal_of("a=10.0.0.1:1 a=10.0.0.2:1") == "a=10.0.0.2:1 is named twice");
  CHECK(refusal_of("a=10.0.0.1:1 b=10.0.0.1:1") == "b=10.0.0.1:1 is named twice");
  CHECK(refusal_of(many(2 * limits::masters_max)) == "none");
  CHECK_THAT(refusal_of(many(2 * limits::masters_max + 1)), Contains("more than 10 masters"));
  CHECK_THAT(refusal_of(std::string(1'000'000, 'x')), Contains("is not NAME=HOST:PORT"));
}

namespace {

// What `node` says: the masters after that entry; 0: it does not say so.
wire::HeartbeatReply said(const std::string& node, const std::string& role, std::uint64_t term,
                          std::uint64_t as_of, const std::string& cluster = "1") {
  wire::HeartbeatReply reply{node, role, Term(term), "", 1s, true};
  reply.masters_as_of = as_of;
  if (as_of > 0) reply.cluster = cluster;
  return reply;
}

std::vector<KnownMaster> named(const std::string& names) {
  std::vector<KnownMaster> masters;
  for (const char name : names) masters.push_back({std::string(1, name), {"10.0.0.1", 7070}});
  return masters;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("of two lists of masters the later one counts, in whatever order they arrive") {
  NewestMasters newest;
  CHECK(newest.names().empty());
  CHECK(newest.take(said("a", "primary", 3, 10), named("abc")));
  CHECK(newest.take(said("b", "standby", 3, 20), named("ab")));
  CHECK(newest.names() == Names{"a", "b"});
  // A late answer, and a new primary that has not applied everything yet.
  CHECK_FALSE(newest.take(said("a", "primary", 3, 10), named("abc")));
  CHECK_FALSE(newest.take(said("b", "primary", 4, 19), named("abc")));
  CHECK(newest.names() == Names{"a", "b"});
  CHECK(newest.take(said("b", "primary", 4, 20), named("ab")));
  CHECK_FALSE(newest.take(said("a", "primary", 4, 30), {}));
  CHECK(newest.take(said("a", "candidate", 4, 31), named("abd")));
  CHECK(newest.names() == Names{"a", "b", "d"});
}

TEST_CASE("a master that was removed brings itself back by no list of its own") {
  NewestMasters newest;
  REQUIRE(newest.take(said("a", "primary", 3, 20), named("ab")));
  CHECK_FALSE(newest.take(said("c", "primary", 9, 1'000), named("c")));
  CHECK_FALSE(newest.take(said("c", "primary", 9, 0), named("c")));
  CHECK_FALSE(newest.take(said("c", "primary", 9, 1'000, "2"), named("c")));
  CHECK(newest.names() == Names{"a", "b"});
  // Of a cluster that was founded anew by those who belong to it, entries are counted anew.
  CHECK(newest.take(said("a", "primary", 9, 2, "2"), named("a")));
  CHECK_FALSE(newest.take(said("b", "standby", 3, 21), named("ab")));
  CHECK(newest.names() == Names{"a"});
}

TEST_CASE("lists of masters of earlier versions count by the term of their primary") {
  NewestMasters newest;
  CHECK(newest.take(said("a", "primary", 3, 0), named("ab")));
  CHECK(newest.names().empty());
  CHECK_FALSE(newest.take(said("b", "standby", 4, 0), named("b")));
  CHECK_FALSE(newest.take(said("b", "primary", 2, 0), named("b")));
  CHECK(newest.take(said("b", "primary", 4, 0), named("b")));
  CHECK(newest.take(said("b", "standby", 4, 7), named("ab")));
  CHECK(newest.names() == Names{"a", "b"});
  // All masters go back to an earlier version: nobody knows any longer who does not belong.
  CHECK_FALSE(newest.take(said("a", "primary", 3, 0), named("a")));
  CHECK(newest.take(said("a", "primary", 5, 0), named("ac")));
  CHECK(newest.names().empty());
}

TEST_CASE("a kept list that is no file of ours is told by its name, and is not waited for") {
  const TemporaryDirectory directory;
  const auto file = known_masters_file(directory.path());
  const auto port_file = (directory.path() / "witness_port").string();
  const auto refusals = [&] {
    const auto masters = load_known_masters(directory.path());
    const auto port = load_witness_port(directory.path());
    REQUIRE(!masters);
    REQUIRE(!port);
    CHECK_THAT(masters.error().message, Contains(file));
    CHECK_THAT(port.error().message, Contains(port_file));
    return masters.error().message;
  };
  CHECK(load_known_masters(directory.path())->empty());
  CHECK(*load_witness_port(directory.path()) == 0);

  for (const auto& path : {file, port_file}) REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THAT(refusals(), Contains("is not a regular file"));
  for (const auto& path : {file, port_file}) {
    std::filesystem::remove(path);
    std::filesystem::create_symlink("/dev/zero", path);
  }
  CHECK_THAT(refusals(), Contains("is not a regular file"));
  for (const auto& path : {file, port_file}) {
    std::filesystem::remove(path);
    std::ofstream(path) << std::string(limits::control_body_bytes_max + 1, 'x');
  }
  CHECK_THAT(refusals(), Contains("is longer than"));
  for (const auto& path : {file, port_file}) std::ofstream(path) << "a=nowhere";
  CHECK_THAT(refusals(), Contains("is not NAME=HOST:PORT"));
  std::ofstream(file) << "a=10.0.0.1:7070\n";
  CHECK(load_known_masters(directory.path())->size() == 1);
  for (const std::string wrong : {"-1", "65536", "7070x", "", " 7070"}) {
    std::ofstream(port_file) << wrong;
    CHECK(!load_witness_port(directory.path()));
  }
  REQUIRE(save_witness_port(directory.path(), 7070));
  CHECK(*load_witness_port(directory.path()) == 7070);
}

}  // namespace tandem::known_masters_test
