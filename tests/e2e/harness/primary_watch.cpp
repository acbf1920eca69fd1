#include "tests/e2e/harness/primary_watch.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tandem::e2e {

namespace {
constexpr Milliseconds watch_pause{
    2};  // between two questions, so that the masters have time for more
}

PrimaryWatch::PrimaryWatch(const PairCluster& cluster) {
  for (const auto& name : cluster.names())
    threads_.emplace_back([this, &cluster, name] { watch(cluster, name); });
}

PrimaryWatch::~PrimaryWatch() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
}

std::string PrimaryWatch::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_;
}

void PrimaryWatch::watch(const PairCluster& cluster, const std::string& name) {
  Client client(cluster.control(name));
  const auto authorization = cluster.authorization();  // strangers are told no term
  while (!stopping_) {
    const auto known_before = highest_term_.load();
    const Answer answer = client.get("/primary", authorization);
    if (answer.status == 200) {
      const std::uint64_t term = nlohmann::json::parse(answer.body).at("term");
      if (term < known_before) {
        const std::lock_guard lock(mutex_);
        violation_ = fmt::format("{} was primary in term {} after term {} had begun", name, term,
                                 known_before);
      }
      auto highest = highest_term_.load();
      while (highest < term && !highest_term_.compare_exchange_weak(highest, term)) {
      }
    }
    std::this_thread::sleep_for(watch_pause);
  }
}

}  // namespace tandem::e2e
