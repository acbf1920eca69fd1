// load.hpp: clients that send requests all the time, while a test does something to the cluster.
//
// Each client is a thread with a kept-alive connection. Every answer other than 200 counts as a
// failure; the first one is described in words. Owner: the test's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

class Load {
 public:
  // A kept-alive connection that is closed before any byte of an answer is a failure, or the
  // request is sent once more on a new one, as browsers and curl do (RFC 9112 §9.3.1). This is how
  // HAProxy makes its clients repeat a request that failed on a reused connection.
  enum class WhenClosed { fails, asks_again };
  // Begins at once.
  Load(std::string address, unsigned clients, std::string path = "/",
       WhenClosed when_closed = WhenClosed::fails, Protocol protocol = Protocol::http1);
  ~Load();  // as stop()
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Returns when that many more requests have been answered in any way; false after the deadline.
  bool await_more(std::uint64_t requests, Milliseconds deadline = patience) const;
  void stop();

  std::uint64_t answered() const { return answered_; }
  std::uint64_t failed() const { return failed_; }
  std::string first_failure() const;

 private:
  void run();

  std::string address_;
  std::string path_;
  const WhenClosed when_closed_;
  const Protocol protocol_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex mutex_;  // guards only the description
  std::string first_failure_;
  std::vector<std::thread> clients_;
};

}  // namespace tandem::e2e
