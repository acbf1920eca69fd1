// main() of every test program. What the code under test logs is noise here, unless it is asked
// for: TANDEM_TEST_LOG=1.
#define CATCH_CONFIG_RUNNER
#include <cstdlib>

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

int main(int argc, char** argv) {
  if (std::getenv("TANDEM_TEST_LOG") == nullptr) spdlog::set_level(spdlog::level::off);
  return Catch::Session().run(argc, argv);
}
