#include "common/storage/log_writer.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::storage {

class LogWriter::Body {
 public:
  Body(LogStore store, Hooks hooks) : store_(std::move(store)), hooks_(std::move(hooks)) {
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
      if (failed_) return;
      waiting_.push_back(std::move(write));
    }
    wake_.notify_one();
  }

 private:
  void run() {
    std::vector<core::Write> batch;
    while (take(batch)) {
      if (auto applied = store_.apply(batch); !applied) return give_up(applied.error());
      hooks_.durable(batch.back().number);
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

  void give_up(const Error& error) {
    std::vector<core::Write> dropped;
    {
      const std::lock_guard lock(mutex_);
      failed_ = true;
      dropped.swap(waiting_);
    }
    hooks_.failed(error);
  }

  LogStore store_;  // the thread's
  Hooks hooks_;     // the thread's
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<core::Write> waiting_;
  core::WriteNumber last_;
  bool stopping_ = false;
  bool failed_ = false;
  std::thread thread_;  // last: it uses the others
};

LogWriter::LogWriter(LogStore store, Hooks hooks)
    : body_(std::make_unique<Body>(std::move(store), std::move(hooks))) {}

LogWriter::~LogWriter() = default;

void LogWriter::write(core::Write write) { body_->write(std::move(write)); }

}  // namespace tandem::storage
