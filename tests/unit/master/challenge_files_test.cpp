// The thread that reads challenges of ACME, and what it does with disks that hang.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "master/forward/exchange/challenge_files.hpp"
#include "master/forward/exchange/limits.hpp"
#include "temporary_directory.hpp"

namespace tandem::master::challenge_files_test {
namespace {

const std::string prefix(challenge_prefix);

template <class Reading>
void await(const Reading& reading) {
  const auto until = now() + std::chrono::seconds(10);
  while (!reading->is_done() && now() < until) std::this_thread::yield();
  REQUIRE(reading->is_done());
}

}  // namespace

TEST_CASE("so many readings wait for the disk, and no more") {
  const TemporaryDirectory directory;
  const auto answers = directory.path() / ".well-known/acme-challenge";
  std::filesystem::create_directories(answers);
  std::ofstream(answers / "token") << "content";
  ChallengeFiles files(directory.path());
  std::vector<std::shared_ptr<const ChallengeFiles::Reading>> readings;
  bool was_refused = false;
  // The thread reads on meanwhile, so that how many it takes is not known, but that it is enough.
  for (unsigned i = 0; i < 100'000 && !was_refused; ++i) {
    auto reading = files.read(prefix + "token");
    was_refused = reading == nullptr;
    if (reading != nullptr) readings.push_back(std::move(reading));
  }
  CHECK(readings.size() >= limits::challenges_waiting_max);
  for (const auto& reading : readings) {
    await(reading);
    CHECK(reading->content().value() == "content");
  }
  const auto again = files.read(prefix + "token");
  REQUIRE(again != nullptr);
  await(again);
}

TEST_CASE("a token is what RFC 8555 says, and nothing that could be a path") {
  const TemporaryDirectory directory;
  const auto answers = directory.path() / ".well-known/acme-challenge";
  std::filesystem::create_directories(answers);
  const std::string longest(limits::challenge_token_bytes_max, 'a');
  std::ofstream(answers / longest) << "long";
  CHECK(ChallengeFiles::read_now(directory.path(), prefix + longest).value() == "long");
  for (const auto& token : {longest + "a", std::string(), std::string("a b"), std::string("a\0", 2),
                            std::string("."), std::string("a/../b"), std::string("\xc3\xa4")}) {
    CHECK_FALSE(ChallengeFiles::read_now(directory.path(), prefix + token));
  }
}

}  // namespace tandem::master::challenge_files_test
