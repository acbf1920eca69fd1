// primary_watch.hpp: continually asks every master whether it is the primary, and detects two at a
// time.
//
// A master that claims it in a term, and was asked after another one had claimed it in a higher
// term, serves beyond its lease, whatever the timing of the threads. Owner: the test's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e {

class PrimaryWatch {
 public:
  // Begins at once. `cluster` outlives it.
  explicit PrimaryWatch(const PairCluster& cluster);
  ~PrimaryWatch();
  PrimaryWatch(const PrimaryWatch&) = delete;
  PrimaryWatch& operator=(const PrimaryWatch&) = delete;

  // The first violation, in words; empty when there was none. Any thread.
  std::string violation() const;

 private:
  void watch(const PairCluster& cluster, const std::string& name);

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> highest_term_{0};
  mutable std::mutex mutex_;  // of the sentence
  std::string violation_;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::e2e
