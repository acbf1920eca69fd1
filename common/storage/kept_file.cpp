#include "common/storage/kept_file.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/small_file.hpp"

namespace tandem::storage {

class KeptFile::Body {
 public:
  Body(std::string path, News news, Duration retry)
      : path_(std::move(path)), news_(std::move(news)), retry_(retry) {}

  ~Body() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void keep(std::string content) {
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(content);
    if (thread_.joinable()) return wake_.notify_one();
    begin();
  }

 private:
  // The first that is to be kept begins the thread; without one it is tried again with the next.
  void begin() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
      tell(error.what());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    pthread_setname_np(pthread_self(), "kept-file");
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || waiting_; });
      if (!waiting_) return;
      const auto content = std::move(*waiting_);
      waiting_.reset();
      lock.unlock();
      const auto replaced = replace_file(path_, content, path_ + ".new");
      tell(replaced ? "" : replaced.error().message);
      lock.lock();
      if (replaced) continue;
      wake_.wait_for(lock, retry_, [this] { return stopping_ || waiting_; });
      if (stopping_ && !waiting_) return;
      if (!waiting_) waiting_ = content;
    }
  }

  void tell(const std::string& failure) {
    if (std::exchange(failure_, failure) != failure) news_(failure);
  }

  const std::string path_;
  const News news_;
  const Duration retry_;
  std::string failure_;  // as it was told last; the thread's, once there is one
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<std::string> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

KeptFile::KeptFile(std::string path, News news, Duration retry)
    : body_(std::make_unique<Body>(std::move(path), std::move(news), retry)) {}
KeptFile::~KeptFile() = default;

void KeptFile::keep(std::string content) { body_->keep(std::move(content)); }

}  // namespace tandem::storage
