// The core decides and does nothing: this test reads its sources and fails when they name what only
// a shell may use.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace tandem::purity_test {
namespace {

namespace fs = std::filesystem;

const fs::path core_dir = fs::path(TANDEM_SOURCE_DIR) / "common" / "core";

std::vector<fs::path> core_sources() {
  std::vector<fs::path> sources;
  for (const auto& file : fs::directory_iterator(core_dir)) {
    const auto extension = file.path().extension();
    if (extension == ".hpp" || extension == ".cpp") sources.push_back(file.path());
  }
  return sources;
}

// The code alone: comments may speak of clocks and sockets.
std::string code_of(const std::string& text) {
  static const std::regex comment("//[^\n]*");
  return std::regex_replace(text, comment, "");
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Standard headers that reach nothing outside the process's memory.
const std::set<std::string> allowed_headers{
    "algorithm",  "array",       "chrono", "compare", "cstddef", "cstdint",  "deque",
    "functional", "iterator",    "limits", "map",     "memory",  "optional", "set",
    "string",     "string_view", "tuple",  "utility", "variant", "vector",   "fmt/format.h"};
// What common/base has that acts.
const std::set<std::string> forbidden_base{"common/base/clock.hpp", "common/base/endpoint.hpp",
                                           "common/base/log.hpp", "common/base/logging.hpp",
                                           "common/base/configuration.hpp"};

std::vector<std::string> forbidden_includes(const std::string& text) {
  static const std::regex include(R"(#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::string> found;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), include);
       match != std::sregex_iterator(); ++match) {
    const std::string header = (*match)[2];
    const bool standard = (*match)[1] == "<" && allowed_headers.count(header) > 0;
    const bool own = header.rfind("common/core/", 0) == 0;
    const bool base = header.rfind("common/base/", 0) == 0 && forbidden_base.count(header) == 0;
    if (!standard && !own && !base) found.push_back(header);
  }
  return found;
}

std::vector<std::string> forbidden_names(const std::string& text) {
  static const std::regex name(
      R"(\b(\w*_clock|clock_gettime|gettimeofday|time\s*\(|now\s*\(\s*\)|sleep\w*|thread|jthread|)"
      R"(mutex|atomic|async|future|promise<|condition_variable|socket|connect\s*\(|recv|sendto|)"
      R"(epoll\w*|fopen|ifstream|ofstream|fstream|filesystem|cout|cerr|clog|printf|fprintf|spdlog|)"
      R"(getenv|environ|random_device|mt19937\w*|s?rand\s*\(|uniform_\w+|volatile|thread_local|)"
      R"(system\s*\())");
  std::vector<std::string> found;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), name);
       match != std::sregex_iterator(); ++match) {
    found.push_back(match->str());
  }
  return found;
}

}  // namespace

TEST_CASE("the core includes nothing but harmless standard headers, common/base and fmt") {
  const auto sources = core_sources();
  REQUIRE(sources.size() > 20);
  for (const auto& path : sources) {
    INFO(path.filename().string());
    CHECK(forbidden_includes(read(path)) == std::vector<std::string>{});
  }
}

TEST_CASE("the core names no clock, thread, socket, file, log, random device or environment") {
  for (const auto& path : core_sources()) {
    INFO(path.filename().string());
    CHECK(forbidden_names(code_of(read(path))) == std::vector<std::string>{});
  }
}

TEST_CASE("the test of purity finds what it looks for") {
  CHECK(forbidden_includes("#include <thread>\n").size() == 1);
  CHECK(forbidden_includes("#include \"common/base/clock.hpp\"\n").size() == 1);
  CHECK(forbidden_includes("#include \"master/registry/snapshot.hpp\"\n").size() == 1);
  CHECK(forbidden_includes("#include \"common/core/node.hpp\"\n").empty());
  for (const auto* bad :
       {"auto t = std::chrono::steady_clock::now();", "tandem::now()", "std::thread t;",
        "std::random_device d;", "getenv(\"HOME\")", "std::ifstream f;", "spdlog::info(\"\")",
        "::socket(1, 2, 3)", "std::mutex m;", "std::this_thread::sleep_for(d);"}) {
    INFO(bad);
    CHECK(!forbidden_names(bad).empty());
  }
  CHECK(forbidden_names(code_of("int x;  // no thread, no socket, no clock\n")).empty());
}

}  // namespace tandem::purity_test
