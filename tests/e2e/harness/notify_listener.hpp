// notify_listener.hpp: a service manager as far as its programs know it: a datagram socket.
//
// Each datagram is kept as its lines. Owner: the test's thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/harness/temp_dir.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

class NotifyListener {
 public:
  explicit NotifyListener(const TempDir& dir, const std::string& name = "notify");
  ~NotifyListener();
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;

  // What stands before a command that shall speak to it, and be alive all the time.
  std::vector<std::string> prefix(Milliseconds watchdog) const;
  // Waits for a datagram that contains `text`, the first one after the last that was awaited, and
  // returns it. Empty: the deadline passed.
  std::string await(std::string_view text, Milliseconds deadline = patience);
  // Whether one that contains `text` has come so far.
  bool has(std::string_view text);
  // Forgets what has come so far.
  void forget();

 private:
  void receive();

  std::string path_;
  int socket_ = -1;
  std::vector<std::string> received_;
  std::size_t awaited_ = 0;  // how many of them
};

}  // namespace tandem::e2e
