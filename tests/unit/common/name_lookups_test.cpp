// Host names are looked up again and again, away from the caller.
#include <catch2/catch.hpp>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "common/base/name_lookups.hpp"

namespace tandem::name_lookups_test {
namespace {

// A name server whose answers are in the hands of the test, and what was reported. Shared, for a
// look-up may outlast whoever wanted it.
class Names : public std::enable_shared_from_this<Names> {
 public:
  NameLookups::LookUp look_up() {
    return [this, self = shared_from_this()](const Endpoint& name) -> NameLookups::Found {
      std::unique_lock lock(mutex_);
      ++asked_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      if (addresses_.empty()) return invalid("nobody knows " + name.host);
      std::vector<Endpoint> found;
      for (const auto& address : addresses_) found.push_back({address, name.port});
      return found;
    };
  }
  NameLookups::Report report() {
    return [this](const NameLookups::Found& found) {
      const std::lock_guard lock(mutex_);
      reports_.push_back(found ? found->front().to_string() : found.error().message);
      changed_.notify_all();
    };
  }
  void answer(std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    addresses_ = std::move(addresses);
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  // It has been asked at all, perhaps before.
  void await_first_asked() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return asked_ > 0; }));
  }
  // From now on.
  void await_asked(int times) {
    std::unique_lock lock(mutex_);
    const int enough = asked_ + times;
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return asked_ >= enough; }));
  }
  void await_report(const std::string& last) {
    std::unique_lock lock(mutex_);
    REQUIRE(
        changed_.wait_for(lock, 10s, [&] { return !reports_.empty() && reports_.back() == last; }));
  }
  std::size_t reports() {
    const std::lock_guard lock(mutex_);
    return reports_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> addresses_;
  std::vector<std::string> reports_;
  int asked_ = 0;
  bool held_ = false;
};

constexpr NameLookups::Intervals soon{.again = 1ms, .retry = 1ms};
const Endpoint shop{"shop.example", 80};

}  // namespace

TEST_CASE("a name has all its addresses, each once") {
  const auto found = resolve_all({"localhost", 80});
  REQUIRE(found.ok());
  for (const auto& address : *found) {
    CHECK(address.is_numeric());
    CHECK(address.is_loopback());
    CHECK(std::count(found->begin(), found->end(), address) == 1);
  }
  CHECK(*resolve_all({"10.0.0.1", 80}) == std::vector<Endpoint>{{"10.0.0.1", 80}});
}

TEST_CASE("a name without address is refused with the name") {
  const auto found = resolve_all({"nowhere.invalid", 80});
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().message.find("nowhere.invalid") != std::string::npos);
}

TEST_CASE("a name is looked up again, and what changed is reported") {
  const auto names = std::make_shared<Names>();
  names->answer({"10.0.0.1"});
  NameLookups lookups(names->look_up(), soon);
  lookups.watch(shop, names->report());
  names->await_report("10.0.0.1:80");
  names->await_asked(3);
  CHECK(names->reports() == 1);
  names->answer({"10.0.0.2"});
  names->await_report("10.0.0.2:80");
}

TEST_CASE("a name that cannot be resolved is reported once, and tried again") {
  const auto names = std::make_shared<Names>();
  NameLookups lookups(names->look_up(), soon);
  lookups.watch(shop, names->report());
  names->await_report("nobody knows shop.example");
  names->await_asked(3);
  CHECK(names->reports() == 1);
  names->answer({"10.0.0.1"});
  names->await_report("10.0.0.1:80");
}

TEST_CASE("a name server that does not answer keeps nobody from ending") {
  const auto names = std::make_shared<Names>();
  names->answer({"10.0.0.1"});
  names->hold(true);
  {
    NameLookups lookups(names->look_up(), soon);
    lookups.watch(shop, names->report());
    names->await_first_asked();
  }
  names->hold(false);
  CHECK(names->reports() == 0);
}

}  // namespace tandem::name_lookups_test
