#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "master/registry/data_directory.hpp"
#include "tests/unit/master/temporary_directory.hpp"

using namespace tandem;
using namespace tandem::master;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("the data directory is made for its owner alone") {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "state" / "a";
  const auto directory = DataDirectory::open(path.string() + "/");
  REQUIRE(directory.ok());
  struct stat status {};
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
