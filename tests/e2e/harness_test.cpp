// The harness itself: what it promises to every other test here.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e::harness_test {

TEST_CASE("a process that ends before its line is reported with its errors") {
  const TempDir dir;
  Process process(dir, "early", {"sh", "-c", "echo other; echo the reason >&2; exit 3"});
  CHECK_THROWS_WITH(process.await_line("ready"),
                    Catch::Contains("ended") && Catch::Contains("the reason"));
  CHECK(process.await_exit() == 3);
}

TEST_CASE("a process and what it started are gone with the object") {
  const TempDir dir;
  pid_t child = 0;
  {
    Process process(dir, "parent", {"sh", "-c", "sleep 600 & echo child $!; wait"});
    child = std::stoi(process.await_line("child ").substr(6));
    REQUIRE(kill(child, 0) == 0);
  }
  // It is nobody's child now: gone, or a zombie until its new parent looks.
  CHECK(eventually([&] {
    const auto stat = read_file("/proc/" + std::to_string(child) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
}

TEST_CASE("the signal that ended a process is its negative status") {
  const TempDir dir;
  Process process(dir, "sleeper", {"sleep", "600"});
  process.kill9();
  CHECK(process.await_exit() == -SIGKILL);
  CHECK(!process.running());
}

TEST_CASE("the directory of a test that passes is removed") {
  std::string path;
  {
    const TempDir dir;
    path = dir.write("log", "text");
    CHECK(read_file(path) == "text");
  }
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("a path is encoded as a request carries it") {
  CHECK(encode_path("/a-b/c_1.txt~") == "/a-b/c_1.txt~");
  CHECK(encode_path("/a b+c%?#\xc3\xa9") == "/a%20b%2Bc%25%3F%23%C3%A9");
}

}  // namespace tandem::e2e::harness_test
