#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/backup.hpp"
#include "master/cluster/state_document.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::backup_test {
namespace {

Backup some_backup() {
  Backup backup{.cluster = "4711", .term = Term(7), .index = LogIndex(120), .state = {}};
  for (const Change& change : std::vector<Change>{
           RaiseFeatureLevel{wire::features::newest},
           AddWorker{{.name = "n1", .service = "shop", .address = {"10.0.0.5", 80}}},
           Join{"w1",
                {.service = "default",
                .address = {"10.0.0.9", 9001},
                .incarnation = "first",
                .witness = {}}},
           SetDrained{"n1", true}, SetWeight{"w1", 7}, RemoveWorker{"w2", "first"},
           SetRoute{{.host = "", .prefix = "/shop", .service = "shop"}},
           SetSecret{std::string(64, 'a')}}) {
    REQUIRE(backup.state.apply(change).ok());
  }
  return backup;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto place = text.find(what);
  REQUIRE(place != text.npos);
  return text.replace(place, what.size(), with);
}

std::string refusal_of(const std::string& text) {
  const auto parsed = parse_backup(text);
  return parsed.ok() ? "none" : parsed.error().message;
}

}  // namespace

TEST_CASE("a backup says all that the state has but the secret, and is read as it was written") {
  const auto backup = some_backup();
  const auto text = to_json(backup);
  CHECK(text.find("secret") == text.npos);
  CHECK(text.find(std::string(64, 'a')) == text.npos);
  const auto read = parse_backup(text);
  INFO((read ? "" : read.error().message));
  REQUIRE(read.ok());
  CHECK(read->cluster == "4711");
  CHECK(read->term == Term(7));
  CHECK(read->index == LogIndex(120));
  CHECK(to_json(*read) == text);
  ClusterState keyed = read->state;
  REQUIRE(keyed.apply(SetSecret{std::string(64, 'a')}).ok());
  CHECK(keyed.digest() == backup.state.digest());
}

TEST_CASE("what a backup founds is far above the terms that workers may remember") {
  const auto restoration = restoration_of(some_backup());
  CHECK(restoration.after == Term(7 + limits::term_jump_max));
  CHECK(state_check(wire::features::newest).snapshot(restoration.bytes).ok());
}

TEST_CASE("a backup that is none, damaged or of a later version is refused, naming the place") {
  const auto text = to_json(some_backup());
  CHECK(refusal_of("") == "the document is not JSON (at byte 1)");
  CHECK(refusal_of("[]") == "the document must be a JSON object");
  CHECK(refusal_of(text.substr(0, text.size() / 2)).starts_with("the document is not JSON (at "));
  CHECK(refusal_of("{}") == "tandem_backup is missing");
  CHECK(refusal_of(replaced(text, R"("tandem_backup": 1)", R"("tandem_backup": 2)")) ==
        "tandem_backup: 2 is of a later version; this one reads 1");
  const auto format = fmt::format(R"("format": {})", wire::features::newest);
  CHECK(refusal_of(replaced(text, format, R"("format": 99)")) ==
        fmt::format("state.format: 99 is of another version; this one reads {}",
                    wire::features::newest));
  CHECK(refusal_of(replaced(text, R"("10.0.0.9:9001")", R"("somewhere")"))
            .starts_with("state.joined[0]: "));
  CHECK(refusal_of(replaced(text, R"("term": 7)", R"("term": 0)")).starts_with("term must be"));
  CHECK(refusal_of(replaced(text, R"("index": 120)", R"("indeks": 120)")) == "index is missing");
  CHECK(refusal_of(replaced(text, R"("drained": [)", R"("dried": [)")).find("dried") !=
        std::string::npos);
  // A name twice: the second is refused as the log would refuse it.
  const auto twice = replaced(text, R"("added": [)",
                              R"("added": [{"add": {"name": "w1", "service": "a", )"
                              R"("address": "10.0.0.1:1", "weight": 1, "connections": 1}},)");
  CHECK(refusal_of(twice) == "state.added[0]: the name w1 belongs to the worker at 10.0.0.9:9001");
  CHECK(refusal_of(std::string(limits::cluster_body_bytes_max + 1, ' '))
            .starts_with("the document is longer than"));
}

TEST_CASE("a file that cannot be restored is refused by its name") {
  const TemporaryDirectory directory;
  const auto file = (directory.path() / "backup.json").string();
  const auto missing = read_restoration(file, wire::features::newest);
  REQUIRE(!missing.ok());
  CHECK(missing.error().message ==
        "--restore " + file + ": cannot be read: No such file or directory");
  std::ofstream(file) << to_json(some_backup());
  CHECK(read_restoration(file, wire::features::newest).ok());
  const auto held = read_restoration(file, wire::features::oldest);
  REQUIRE(!held.ok());
  CHECK(held.error().message ==
        fmt::format("--restore {}: it is of feature level {}; this one supports levels up to 1",
                    file, wire::features::newest));
  const auto fifo = (directory.path() / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& path : {directory.path().string(), fifo, std::string("/dev/zero")}) {
    const auto special = read_restoration(path, wire::features::newest);
    REQUIRE(!special.ok());
    CHECK(special.error().message == "--restore " + path + ": is not a regular file");
  }
}

}  // namespace tandem::master::backup_test
