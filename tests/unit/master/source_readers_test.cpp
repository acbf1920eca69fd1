// The readers of all registries: what they keep on the disk.
#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "master/discovery/lists_file.hpp"
#include "master/discovery/source_readers.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::source_readers_test {

TEST_CASE("what a disk refused of the lists is written once the disk takes it") {
  const TemporaryDirectory above;
  const auto directory = (std::filesystem::path(above.path()) / "missing").string();
  SourceReaders readers(directory, [](const std::string&, SourceReport) {});
  const std::string text = "web=consul:127.0.0.1:1";  // nobody is there
  InstanceCollector collector;
  collector.take("x", {"10.0.0.1", 80});
  const auto list = std::make_shared<const InstanceList>(std::move(collector).list());
  readers.set({*parse_source(text, "--discover")}, {{text, list}});
  std::this_thread::sleep_for(1500ms);  // it has been refused by then, or will be written at once
  REQUIRE(std::filesystem::create_directory(directory));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  auto kept = load_lists(directory);
  while (!kept && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(10ms);
    kept = load_lists(directory);
  }
  REQUIRE(kept.ok());
  CHECK(*kept->at(text) == *list);
}

TEST_CASE("readers end at once while a disk refuses their lists") {
  const TemporaryDirectory above;
  SourceReaders readers((std::filesystem::path(above.path()) / "missing").string(),
                        [](const std::string&, SourceReport) {});
  readers.set({*parse_source("web=consul:127.0.0.1:1", "--discover")}, {});
  readers.stop();
}

}  // namespace tandem::master::source_readers_test
