// posts.hpp: clients that continually send POSTs, each with its own id, and record the answers,
// which show afterwards whether one was lost or executed twice.
//
// Each client is a thread with a kept-alive connection to one of the addresses. Owner: the test's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

// What is wrong with POSTs that were answered with these statuses, by id, 0 for no answer, and
// executed as often as `executed` says (absent: never): an id was executed more than once, or
// answered 200 and not executed. Empty: nothing.
std::string what_is_wrong(const std::map<std::string, int>& outcomes,
                          const std::map<std::string, unsigned>& executed);

class Posts {
 public:
  // Begins at once, clients taking turns over the addresses. `prefix` begins every id.
  Posts(std::vector<std::string> addresses, unsigned clients, std::string prefix = "p",
        Protocol protocol = Protocol::http1);
  ~Posts();  // as stop()
  Posts(const Posts&) = delete;
  Posts& operator=(const Posts&) = delete;

  // Returns when that many more were answered with 200; false after the deadline.
  bool await_more(std::uint64_t requests, Milliseconds deadline = patience) const;
  void stop();

  // By id: the status, 0 when there was no answer. REQUIRES: stop()
  const std::map<std::string, int>& outcomes() const { return outcomes_; }
  // As what_is_wrong(). REQUIRES: stop()
  std::string wrong(const std::map<std::string, unsigned>& executed) const {
    return what_is_wrong(outcomes_, executed);
  }
  std::uint64_t done() const { return done_; }

 private:
  void run(unsigned client);

  std::vector<std::string> addresses_;
  std::string prefix_;
  const Protocol protocol_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;  // of the outcomes
  std::map<std::string, int> outcomes_;
  std::vector<std::thread> clients_;
};

}  // namespace tandem::e2e
