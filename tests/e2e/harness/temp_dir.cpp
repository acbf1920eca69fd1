#include "tests/e2e/harness/temp_dir.hpp"

#define CATCH_CONFIG_EXTERNAL_INTERFACES  // for the listener below
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tandem::e2e {
namespace {

bool assertion_failed = false;

// A directory goes before Catch2 has counted the test's failures: so they are noted as they come.
struct FailureNote : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestEventListenerBase::testCaseStarting(info);
    assertion_failed = false;
  }
  bool assertionEnded(const Catch::AssertionStats& stats) override {
    if (!stats.assertionResult.isOk()) assertion_failed = true;
    return true;
  }
};
CATCH_REGISTER_LISTENER(FailureNote)

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tandem-e2e-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory at " + pattern);
  root_ = pattern;
}

TempDir::~TempDir() {
  if (assertion_failed || std::uncaught_exceptions() > 0) {
    std::fprintf(stderr, "the logs of the failed test are in %s\n", root_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string TempDir::write(std::string_view name, std::string_view text) const {
  const std::string where = path(name);
  std::ofstream(where, std::ios::binary) << text;
  return where;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace tandem::e2e
