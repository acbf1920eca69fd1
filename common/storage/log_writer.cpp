#include "common/storage/log_writer.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::storage {

class LogWriter::Body {
 public:
  Body(LogStore store, Hooks hooks, Duration retry)
      : store_(std::move(store)), hooks_(std::move(hooks)), retry_(retry) {
    // The thread inherits the mask: signals are the program's, and none may cut short a write.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(thread_.native_handle(), "log-writer");
  }

  ~Body() {
    TANDEM_ASSERT(std::this_thread::get_id() != thread_.get_id());
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void write(core::Write write) {
    {
      const std::lock_guard lock(mutex_);
      TANDEM_ASSERT(write.number > last_);
      last_ = write.number;
      if (refuses_) return;
      waiting_.push_back(std::move(write));
    }
    wake_.notify_one();
  }

  void resume() {
    const std::lock_guard lock(mutex_);
    TANDEM_ASSERT(refuses_);
    refuses_ = false;
  }

 private:
  void run() {
    std::vector<core::Write> batch;
    while (take(batch)) {
      const auto applied = store_->apply(batch);
      if (applied) {
        hooks_.durable(batch.back().number);
      } else if (!recover(applied.error())) {
        return;
      }
    }
  }

  // All that waits, once something does; false when nothing more will come.
  bool take(std::vector<core::Write>& batch) {
    batch.clear();
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    batch.swap(waiting_);
    return !batch.empty();
  }

  // Returns when the disk can be written again; false when the thread is to end before.
  bool recover(Error error) {
    std::vector<core::Write> dropped;
    {
      const std::lock_guard lock(mutex_);
      refuses_ = true;
      dropped.swap(waiting_);
    }
    const auto directory = store_->directory();
    const auto incarnation = store_->incarnation();
    store_.reset();
    for (;;) {
      hooks_.failed(error);
      if (!pause()) return false;
      auto store = LogStore::reopen(directory, incarnation);
      if (store) {
        store_.emplace(std::move(*store));
        hooks_.works();
        return true;
      }
      error = store.error();
    }
  }

  // False when the thread is to end.
  bool pause() {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, retry_, [this] { return stopping_; });
  }

  std::optional<LogStore> store_;  // the thread's
  Hooks hooks_;                    // the thread's
  const Duration retry_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<core::Write> waiting_;
  core::WriteNumber last_;
  bool stopping_ = false;
  bool refuses_ = false;  // from a failure to resume()
  std::thread thread_;    // last: it uses the others
};

LogWriter::LogWriter(LogStore store, Hooks hooks, Duration retry)
    : body_(std::make_unique<Body>(std::move(store), std::move(hooks), retry)) {}

LogWriter::~LogWriter() = default;

void LogWriter::write(core::Write write) { body_->write(std::move(write)); }
void LogWriter::resume() { body_->resume(); }

}  // namespace tandem::storage
