// service_thread.hpp: a thread for a service's handlers, with a stack that is large enough for
// regular expressions.
//
// cpp-httplib matches paths with std::regex, which recurses once for each character: a path of 16
// KiB takes 8 MiB for "/(.*)", and twice that for "/(a|b)*". Pages that are not used cost nothing.
//
// Owner: ConnectionServer.
#pragma once

#include <pthread.h>

#include <functional>

namespace tandem {

class ServiceThread {
 public:
  // Runs `work`. joinable() is false when the system cannot create another thread.
  explicit ServiceThread(std::function<void()> work);
  ServiceThread(ServiceThread&& other) noexcept;
  ServiceThread& operator=(ServiceThread&&) = delete;
  ~ServiceThread();  // REQUIRES: !joinable()

  bool joinable() const { return runs_; }
  void join();

 private:
  pthread_t thread_{};
  bool runs_ = false;
};

}  // namespace tandem
