#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "common/base/limits.hpp"
#include "master/registry/data_directory.hpp"
#include "master/registry/decisions_file.hpp"
#include "tests/unit/master/temporary_directory.hpp"

using namespace tandem;
using namespace tandem::master;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

std::string content(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Decisions some_decisions() {
  Decisions decisions;
  decisions.drained = {"w1", "w2"};
  decisions.weights = {{"w3", 0}, {"w4", 1000}};
  decisions.added["n1"] = {.name = "n1", .service = "shop", .address = {"::1", 80}, .weight = 5,
                           .connections = 9};
  return decisions;
}

}  // namespace

TEST_CASE("the data directory is made for its owner alone") {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "state" / "a";
  const auto directory = DataDirectory::open(path.string() + "/");
  REQUIRE(directory.ok());
  struct stat status{};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("two masters cannot share a data directory, and the second may have it after the first") {
  const TemporaryDirectory temporary;
  {
    const auto first = DataDirectory::open(temporary.path() / "a");
    REQUIRE(first.ok());
    const auto second = DataDirectory::open(temporary.path() / "a");
    REQUIRE(!second.ok());
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(second.error().message.find("in use by another tandem-master") != std::string::npos);
    CHECK(DataDirectory::open(temporary.path() / "b").ok());
  }
  CHECK(DataDirectory::open(temporary.path() / "a").ok());
}

TEST_CASE("a data directory that cannot be made is one sentence with the cause") {
  const TemporaryDirectory temporary;
  write(temporary.path() / "file", "");
  const auto directory = DataDirectory::open(temporary.path() / "file");
  REQUIRE(!directory.ok());
  CHECK(directory.error().code == ErrorCode::io);
  CHECK(directory.error().message.find("Not a directory") != std::string::npos);
}

TEST_CASE("a file is read back as it was replaced last, up to the limit and not one byte more") {
  const TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  REQUIRE(directory.ok());
  CHECK(!(*directory->read("f", 10)).has_value());
  REQUIRE(directory->replace("f", "0123456789").ok());
  CHECK(**directory->read("f", 10) == "0123456789");
  CHECK(directory->read("f", 9).error().code == ErrorCode::invalid);
  REQUIRE(directory->replace("f", "").ok());
  CHECK((*directory->read("f", 10))->empty());
  CHECK(!fs::exists(temporary.path() / "f.new"));
}

TEST_CASE("decisions are read back as they were written") {
  const TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  REQUIRE(directory.ok());
  const auto none = load_decisions(*directory);
  REQUIRE(none.ok());
  CHECK(none->drained.empty());
  const auto written = some_decisions();
  REQUIRE(save_decisions(*directory, written).ok());
  const auto read = load_decisions(*directory);
  REQUIRE(read.ok());
  CHECK(read->drained == written.drained);
  CHECK(read->weights == written.weights);
  REQUIRE(read->added.size() == 1);
  CHECK(read->added.at("n1").address == Endpoint{"::1", 80});
  CHECK(read->added.at("n1").service == "shop");
  CHECK(read->added.at("n1").connections == 9);
}

TEST_CASE("a damaged decisions file is refused with a sentence and left as it is") {
  const TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  REQUIRE(directory.ok());
  const auto good = to_json(some_decisions());
  const auto file = temporary.path() / "decisions.json";
  const std::vector<std::string> damages{
      "", "[]", "null", "{", good.substr(0, good.size() / 2), "{}", R"({"format": 1})",
      R"({"format": 2, "drained": [], "weights": {}, "added": []})",
      R"({"format": 1, "drained": [], "weights": {}, "added": [], "more": 1})",
      R"({"format": 1, "drained": [1], "weights": {}, "added": []})",
      R"({"format": 1, "drained": ["a b"], "weights": {}, "added": []})",
      R"({"format": 1, "drained": [], "weights": {"a": 1001}, "added": []})",
      R"({"format": 1, "drained": [], "weights": {"a": -1}, "added": []})",
      R"({"format": 1, "drained": [], "weights": [], "added": []})",
      R"({"format": 1, "drained": [], "weights": {}, "added": [{"name": "x"}]})"};
  for (const auto& damage : damages) {
    INFO(damage);
    write(file, damage);
    const auto loaded = load_decisions(*directory);
    REQUIRE(!loaded.ok());
    CHECK(loaded.error().code == ErrorCode::invalid);
    CHECK(loaded.error().message.find("decisions.json is damaged") != std::string::npos);
    CHECK(content(file) == damage);
  }
}
