// What servers may find in one path.
#include <algorithm>

#include <catch2/catch.hpp>

#include "common/http1/limits.hpp"
#include "master/forward/http/path_readings.hpp"

namespace tandem::master::path_readings_test {
namespace {

bool may_read(std::string_view path, const std::string& as) {
  const auto readings = other_readings(path);
  return std::find(readings.begin(), readings.end(), as) != readings.end();
}

}  // namespace

TEST_CASE("a path that every server reads alike has no other reading") {
  for (const char* path : {"/", "/a", "/a/b/", "/a.b/c-d_e~f", "/a:b@c!$&'()*+,="}) {
    INFO(path);
    CHECK(has_one_reading(path));
    CHECK(other_readings(path).empty());
  }
}

TEST_CASE("a path has a reading for each thing on which servers differ, and for all together") {
  CHECK(may_read("/%61", "/a"));
  CHECK(may_read("/%2561", "/%61"));
  CHECK(may_read("/%2561", "/a"));
  CHECK(may_read("/a%2Fb", "/a/b"));
  CHECK(may_read("//a///b/", "/a/b/"));
  CHECK(may_read("/./a/../b", "/b"));
  CHECK(may_read("/../../b", "/b"));
  CHECK(may_read("/a/..", "/"));
  CHECK(may_read("/a//../b", "/a/b"));
  CHECK(may_read("/a//../b", "/b"));
  CHECK(may_read("/a;x/b;y=z", "/a/b"));
  CHECK(may_read("/a%00x", "/a"));
  CHECK(may_read("/x\\..\\a", "/a"));
  CHECK(may_read("/;/x/%2e%2e/%5c%61", "/a"));
}

TEST_CASE("a percent sign that begins no byte is read as it stands") {
  CHECK(other_readings("/%").empty());
  CHECK(other_readings("/%4").empty());
  CHECK(other_readings("/%zz%-1").empty());
  CHECK(may_read("/%%361", "/%61"));
}

TEST_CASE("the longest path of the oddest characters has a few readings") {
  std::string path = "/";
  while (path.size() < limits::target_bytes_max) path += "%2e%2e/;%25";
  CHECK(other_readings(path).size() <= 40);
}

}  // namespace tandem::master::path_readings_test
