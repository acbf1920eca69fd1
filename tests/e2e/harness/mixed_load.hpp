// mixed_load.hpp: clients that continually send GETs of short and long answers, PUTs and POSTs, and
// the outcome of each request. They send nothing twice, so a request that the cluster does not save
// is lost.
//
// Idempotent requests are GETs of short answers and of long ones, in chunks or not, and PUTs of a
// few KiB. A part of a long answer may have been passed on when its worker breaks; then the client
// must see a broken connection, which counts as "broken", not "failed": no gateway could have saved
// it.
//
// Each client is a thread with a kept-alive connection that pauses briefly between two requests;
// the seed determines the requests. Answers are those of faulty_worker.cpp. Owner: the test's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

class MixedLoad {
 public:
  // Begins at once.
  MixedLoad(std::string address, unsigned clients, unsigned seed,
            Protocol protocol = Protocol::http1);
  ~MixedLoad();  // as stop()
  MixedLoad(const MixedLoad&) = delete;
  MixedLoad& operator=(const MixedLoad&) = delete;

  void stop();

  // ---- idempotent requests. REQUIRES of all: stop()
  std::uint64_t answered() const { return latencies_.size(); }
  // Long answers that broke off after a part had come.
  std::uint64_t broken() const { return broken_; }
  // Everything else: how many, and some of them, in words.
  std::uint64_t failed() const { return failed_; }
  std::string first_failures() const { return failures_; }
  // The given quantile of the response times.
  Milliseconds quantile(double part) const;

  // ---- POSTs, each with an id of its own. REQUIRES: stop()
  std::uint64_t posts() const { return posts_.size(); }
  std::uint64_t posts_answered() const;  // with 200
  // As what_is_wrong() of posts.hpp.
  std::string wrong_posts(const std::map<std::string, unsigned>& executed) const;

 private:
  class Session;
  friend class Session;

  void run(unsigned client, unsigned seed);
  void note_failure(const std::string& failure);

  const std::string address_;
  const Protocol protocol_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<Milliseconds> latencies_;
  std::uint64_t broken_ = 0;
  std::uint64_t failed_ = 0;
  std::string failures_;
  std::map<std::string, int> posts_;  // the status by id, 0 when there was no answer
  std::vector<std::thread> clients_;
};

}  // namespace tandem::e2e
