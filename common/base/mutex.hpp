// mutex.hpp: a mutex of which clang checks that what it guards is touched under its lock.
//
// TANDEM_GUARDED_BY(mutex_) stands behind a member that threads share, TANDEM_REQUIRES(mutex_)
// behind a function, or the () of a lambda, that is called with the lock held. gcc sees nothing of
// it; tests/style/thread_safety.py has clang look.
//
// Lock is a scope; it may be left early and entered again, and a condition variable waits with
// native(). Any thread.
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
  // For a condition variable, which gives the lock back as it took it.
  std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace tandem
