#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/base/locked_directory.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::locked_directory_test {

namespace fs = std::filesystem;

namespace {

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

Result<LockedDirectory> open(const fs::path& path) {
  return LockedDirectory::open(path.string(), "--data-dir", "tandem-master");
}

void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("the data directory is made for its owner alone") {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "state" / "a";
  const auto directory = open(path.string() + "/");
  REQUIRE(directory.ok());
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("two masters cannot share a data directory, and the second may have it after the first") {
  const TemporaryDirectory temporary;
  {
    const auto first = open(temporary.path() / "a");
    REQUIRE(first.ok());
    const auto second = open(temporary.path() / "a");
    REQUIRE(!second.ok());
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(second.error().message.find("in use by another tandem-master") != std::string::npos);
    CHECK(open(temporary.path() / "b").ok());
  }
  CHECK(open(temporary.path() / "a").ok());
}

TEST_CASE("a data directory that cannot be made is one sentence with the cause") {
  const TemporaryDirectory temporary;
  write(temporary.path() / "file", "");
  const auto directory = open(temporary.path() / "file");
  REQUIRE(!directory.ok());
  CHECK(directory.error().code == ErrorCode::io);
  CHECK(directory.error().message.find("Not a directory") != std::string::npos);
}

TEST_CASE("a data directory that others may enter is tightened when all in it is ours") {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "a";
  fs::create_directory(path);
  for (const auto* name : {"lock", "cluster.db", "cluster.db-wal"}) {
    write(path / name, "");
    REQUIRE(chmod((path / name).c_str(), 0644) == 0);
  }
  REQUIRE(chmod(path.c_str(), 0755) == 0);
  REQUIRE(open(path).ok());
  CHECK(mode_of(path) == 0700);
  for (const auto* name : {"lock", "cluster.db", "cluster.db-wal"}) {
    CHECK(mode_of(path / name) == 0600);
  }
}

TEST_CASE("a directory that others may enter and that holds other things is refused as it is") {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "shared";
  fs::create_directory(path);
  write(path / "somebody's", "");
  REQUIRE(chmod(path.c_str(), 01777) == 0);
  const auto directory = open(path);
  REQUIRE(!directory.ok());
  CHECK(directory.error().message.find("chmod 700") != std::string::npos);
  CHECK(mode_of(path) == 0777);
  CHECK(!fs::exists(path / "lock"));
  REQUIRE(chmod(path.c_str(), 0700) == 0);
  CHECK(open(path).ok());
}

TEST_CASE("no link is followed where the state is kept") {
  for (const auto* name : {"lock", "cluster.db", "cluster.db-wal"}) {
    const TemporaryDirectory temporary;
    const auto path = temporary.path() / "a";
    fs::create_directory(path);
    write(temporary.path() / "elsewhere", "kept");
    fs::create_symlink(temporary.path() / "elsewhere", path / name);
    const auto directory = open(path);
    REQUIRE(!directory.ok());
    CHECK(directory.error().message.find("is not a file") != std::string::npos);
  }
}

TEST_CASE("a data directory or a file in it that belongs to another user is refused") {
  if (geteuid() != 0) return;  // only root can give files away
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "a";
  fs::create_directory(path);
  write(path / "cluster.db", "");
  for (const auto& given : {path / "cluster.db", path}) {
    REQUIRE(chown(given.c_str(), 12345, 12345) == 0);
    const auto directory = open(path);
    REQUIRE(!directory.ok());
    CHECK(directory.error().message.find("belongs to another user") != std::string::npos);
    REQUIRE(chown(given.c_str(), 0, 0) == 0);
  }
}

}  // namespace tandem::locked_directory_test
