// mutex.hpp: a mutex for which clang checks that what it guards is accessed with the lock held.
//
// TANDEM_GUARDED_BY(mutex_) follows a member that threads share; TANDEM_REQUIRES(mutex_) follows a
// function, or the () of a lambda, that is called with the lock held. gcc ignores both;
// tests/style/thread_safety.py runs clang's check.
//
// A Lock holds the mutex for a scope; it may be unlocked early and locked again, and a condition
// variable waits with native(). Any thread.
#pragma once

#include <mutex>

#if defined(__clang__)
#define TANDEM_ATTRIBUTE(...) __attribute__((__VA_ARGS__))
#else
#define TANDEM_ATTRIBUTE(...)
#endif

#define TANDEM_GUARDED_BY(mutex) TANDEM_ATTRIBUTE(guarded_by(mutex))
#define TANDEM_REQUIRES(mutex) TANDEM_ATTRIBUTE(requires_capability(mutex))

namespace tandem {

class TANDEM_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() TANDEM_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() TANDEM_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class Lock;
  std::mutex mutex_;
};

class TANDEM_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) TANDEM_ATTRIBUTE(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~Lock() TANDEM_ATTRIBUTE(release_capability()) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() TANDEM_ATTRIBUTE(acquire_capability()) { lock_.lock(); }
  void unlock() TANDEM_ATTRIBUTE(release_capability()) { lock_.unlock(); }
  // For a condition variable, which returns with the lock held, as it was called.
  std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace tandem
