// many_clients.hpp: clients by the thousand on kept-alive connections, on one thread.
//
// Each has one connection for as long as it lives and never makes another: a connection that is
// reset or closed, an answer other than 200 and one that says "Connection: close" are failures, of
// which the first is described in words. Owner: the test's thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

class ManyClients {
 public:
  // Connects all of them; throws when one cannot. They ask for `path`.
  ManyClients(const std::string& address, std::size_t clients, const std::string& path = "/");
  ~ManyClients();
  ManyClients(const ManyClients&) = delete;
  ManyClients& operator=(const ManyClients&) = delete;

  // Each asks once, some after the others; how many were answered. REQUIRES: not between start()
  // and stop()
  std::size_t ask(Milliseconds deadline = patience);

  // From now on each asks again as soon as it is answered.
  void start();
  // No more is asked; returns when what was asked has been answered.
  void stop();

  // ---- any thread
  std::uint64_t answered() const { return answered_; }
  std::uint64_t failed() const { return failed_; }
  std::string first_failure() const;
  bool await_more(std::uint64_t requests, Milliseconds deadline = patience) const;

 private:
  struct One {
    int socket = -1;  // -1: it has failed
    bool waits = false;
    std::string received;
  };
  void send(One& client);
  void receive(One& client);
  void fail(One& client, const std::string& how);
  void run(const std::atomic<bool>& again, Milliseconds quiet_max);

  const std::string request_;
  int poll_ = -1;
  std::vector<One> clients_;
  std::size_t waiting_ = 0;
  std::atomic<bool> asks_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex mutex_;  // guards only the description
  std::string first_failure_;
  std::thread thread_;
};

// As many descriptors as this process and those that it starts may have; how many that are.
std::size_t raise_descriptor_limit();

}  // namespace tandem::e2e
