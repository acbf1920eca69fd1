// streams_load.hpp: clients that keep many calls of HTTP/2 going at once, while a test does
// something to the cluster.
//
// Each client is a thread with one connection for new calls, and those whose servers want them to
// end until their last calls have. It takes the next of its addresses for each new connection. A
// call that the server has done nothing for (RFC 9113 §8.7) is sent again and counted; every other
// one has to be answered 200, with the body that was wanted. Owner: the test's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

struct StreamsRequest {
  std::string method;
  std::string path;
  std::string body;
  std::string wanted;  // of the answer; empty: any
};

struct StreamsLoadOptions {
  std::vector<std::string> addresses;
  std::vector<StreamsRequest> requests;  // in turns
  unsigned clients = 2;
  unsigned streams = 16;  // of each client, at once
};

class StreamsLoad {
 public:
  // Begins at once.
  explicit StreamsLoad(StreamsLoadOptions options);
  ~StreamsLoad();  // as stop()
  StreamsLoad(const StreamsLoad&) = delete;
  StreamsLoad& operator=(const StreamsLoad&) = delete;

  // Returns when that many more calls have been answered as wanted; false after the deadline.
  bool await_more(std::uint64_t calls, Milliseconds deadline = patience) const;
  // Returns when all calls have ended.
  void stop();

  std::uint64_t answered() const { return answered_; }
  std::uint64_t connections() const { return connections_; }  // that were made
  // Calls that were sent again, since the server had done nothing for them.
  std::uint64_t unprocessed() const { return unprocessed_; }
  // Some calls that failed, in words; empty: none.
  std::string failures() const;

 private:
  class Session;
  friend class Session;

  void run(unsigned client);
  void note_failure(const std::string& failure);

  const StreamsLoadOptions options_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> unprocessed_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t failed_ = 0;
  std::string failures_;
  std::vector<std::thread> clients_;
};

}  // namespace tandem::e2e
