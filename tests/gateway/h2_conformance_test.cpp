// h2_conformance.md says which test stands for which case of the public suite.
#include <algorithm>
#include <fstream>
#include <set>

// Catch's list of tests is part of what a runner needs.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <catch2/catch.hpp>

namespace tandem::h2_conformance_test {

TEST_CASE("each case of the public conformance suite has a test that exists") {
  std::set<std::string> tests;
  for (const auto& test : Catch::getAllTestCasesSorted(*Catch::getCurrentContext().getConfig())) {
    tests.insert(test.name);
  }
  std::ifstream table(TANDEM_H2_CONFORMANCE);
  std::size_t of_servers = 0, of_clients = 0;
  for (std::string line; std::getline(table, line);) {
    const auto first = line.find(" | ");
    const auto second = line.find(" | ", first + 3);
    if (!line.starts_with("| ") || line.starts_with("| case ") || second == line.npos) continue;
    const auto test = line.substr(first + 3, second - first - 3);
    INFO(line);
    CHECK(tests.count(test) == 1);
    ++(line.starts_with("| client/") ? of_clients : of_servers);
  }
  CHECK(of_servers == 147);
  CHECK(of_clients == 57);
}

}  // namespace tandem::h2_conformance_test
