#include "common/storage/kept_file.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/mutex.hpp"
#include "common/base/small_file.hpp"

namespace tandem::storage {

class KeptFile::Body {
 public:
  Body(std::string path, News news, Duration retry)
      : path_(std::move(path)), news_(std::move(news)), retry_(retry) {}

  ~Body() {
    {
      const Lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void keep(std::string content) {
    const Lock lock(mutex_);
    waiting_ = std::move(content);
    if (thread_.joinable()) return wake_.notify_one();
    begin();
  }

 private:
  // The first content starts the thread; if no thread can be started, the next content tries again.
  void begin() TANDEM_REQUIRES(mutex_) {
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
    Lock lock(mutex_);
    for (;;) {
      wake_.wait(lock.native(), [this]() TANDEM_REQUIRES(mutex_) { return stopping_ || waiting_; });
      if (!waiting_) return;
      const auto content = std::move(*waiting_);
      waiting_.reset();
      lock.unlock();
      const auto replaced = replace_file(path_, content, path_ + ".new");
      tell(replaced ? "" : replaced.error().message);
      lock.lock();
      if (replaced) continue;
      wake_.wait_for(lock.native(), retry_,
                     [this]() TANDEM_REQUIRES(mutex_) { return stopping_ || waiting_; });
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
  std::string failure_;  // as reported last; the thread's, once there is one
  Mutex mutex_;
  std::condition_variable wake_;
  std::optional<std::string> waiting_ TANDEM_GUARDED_BY(mutex_);
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // declared last: it uses the others
};

KeptFile::KeptFile(std::string path, News news, Duration retry)
    : body_(std::make_unique<Body>(std::move(path), std::move(news), retry)) {}
KeptFile::~KeptFile() = default;

void KeptFile::keep(std::string content) { body_->keep(std::move(content)); }

}  // namespace tandem::storage
