// balance_fixture.hpp: workers to choose from, without sockets, and a count of how often each was
// chosen.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "master/balance/policy_factory.hpp"

namespace tandem::test {

// Some workers of one service, and which of them can be used.
class Workers {
 public:
  explicit Workers(const std::vector<double>& weights) {
    for (const auto weight : weights) add(weight);
  }

  void add(double weight) {
    const auto number = ++last_;
    names_.push_back(std::make_unique<std::string>("worker-" + std::to_string(number)));
    candidates_.push_back({.id = master::WorkerId(number),
                           .name = *names_.back(),
                           .weight = weight,
                           .full_weight = weight,
                           .counters = std::make_shared<master::WorkerCounters>()});
    usable_.push_back(true);
  }
  void remove(std::size_t place) {
    const auto offset = static_cast<std::ptrdiff_t>(place);
    candidates_.erase(candidates_.begin() + offset);
    names_.erase(names_.begin() + offset);
    usable_.erase(usable_.begin() + offset);
  }
  std::size_t size() const { return candidates_.size(); }
  void set_usable(std::size_t place, bool usable) { usable_[place] = usable; }
  void set_weight(std::size_t place, double weight) { candidates_[place].weight = weight; }
  const std::string& name(std::size_t place) const { return *names_[place]; }
  std::atomic<std::uint32_t>& in_flight(std::size_t place) {
    return candidates_[place].counters->in_flight;
  }
  const std::vector<master::Candidate>& candidates() const { return candidates_; }

  // Chooses without placing: nothing is in flight afterwards.
  std::optional<std::size_t> pick(master::Policy& policy, std::optional<std::uint64_t> key = {},
                                  Instant now = {}) const {
    const auto usable = [this](std::size_t place) { return usable_[place]; };
    return policy.pick({.usable = usable, .key = key, .again = false, .now = now});
  }
  void begin(master::Policy& policy, std::size_t place) {
    ++in_flight(place);
    policy.began(place);
  }
  void end(master::Policy& policy, std::size_t place) {
    --in_flight(place);
    policy.ended(place);
  }
  // How often each place is chosen in `count` requests that come one after the other.
  std::map<std::size_t, int> spread(master::Policy& policy, int count) {
    std::map<std::size_t, int> chosen;
    for (int i = 0; i < count; ++i) {
      const auto place = pick(policy).value();
      begin(policy, place);
      ++chosen[place];
      end(policy, place);
    }
    return chosen;
  }

 private:
  std::uint64_t last_ = 0;
  std::vector<std::unique_ptr<std::string>> names_;
  std::vector<master::Candidate> candidates_;
  std::vector<bool> usable_;
};

inline std::unique_ptr<master::Policy> policy_of(wire::PolicySpec spec, std::uint64_t seed = 1) {
  return master::PolicyFactory().make(spec, "default", seed);
}

}  // namespace tandem::test
