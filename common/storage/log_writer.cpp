#include "common/storage/log_writer.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/mutex.hpp"

namespace tandem::storage {

class LogWriter::Body {
 public:
  Body(LogStore store, Hooks hooks, Duration retry, Duration proof)
      : store_(std::move(store)), hooks_(std::move(hooks)), retry_(retry), proof_(proof) {
    // The thread inherits the mask: the program handles signals elsewhere, and none may interrupt a
    // write.
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
      const Lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void write(core::Write write) {
    {
      const Lock lock(mutex_);
      TANDEM_ASSERT(write.number > last_);
      last_ = write.number;
      if (refuses_) return;
      waiting_.push_back(std::move(write));
    }
    wake_.notify_one();
  }

  void resume() {
    const Lock lock(mutex_);
    TANDEM_ASSERT(refuses_);
    refuses_ = false;
  }

 private:
  void run() {
    std::vector<core::Write> batch;
    while (take(batch)) {
      const auto began = now();
      const auto applied = batch.empty() ? store_->prove_writable() : store_->apply(batch);
      if (applied) {
        if (batch.empty()) continue;
        if (hooks_.committed) hooks_.committed(now() - began);
        hooks_.durable(batch.back().number);
      } else if (!recover(applied.error())) {
        return;
      }
    }
  }

  // Waits for writes and takes all of them: none, if none came for a while. False when no more will
  // come.
  bool take(std::vector<core::Write>& batch) {
    batch.clear();
    Lock lock(mutex_);
    wake_.wait_for(lock.native(), proof_,
                   [this]() TANDEM_REQUIRES(mutex_) { return stopping_ || !waiting_.empty(); });
    batch.swap(waiting_);
    return !batch.empty() || !stopping_;
  }

  // Returns when the disk can be written again; false when the thread must end before that.
  bool recover(Error error) {
    std::vector<core::Write> dropped;
    {
      const Lock lock(mutex_);
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

  // False when the thread must end.
  bool pause() {
    Lock lock(mutex_);
    return !wake_.wait_for(lock.native(), retry_,
                           [this]() TANDEM_REQUIRES(mutex_) { return stopping_; });
  }

  std::optional<LogStore> store_;  // the thread's
  Hooks hooks_;                    // the thread's
  const Duration retry_;
  const Duration proof_;
  Mutex mutex_;
  std::condition_variable wake_;
  std::vector<core::Write> waiting_ TANDEM_GUARDED_BY(mutex_);
  core::WriteNumber last_ TANDEM_GUARDED_BY(mutex_);
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  bool refuses_ TANDEM_GUARDED_BY(mutex_) = false;  // from a failure to resume()
  std::thread thread_;                              // declared last: it uses the others
};

LogWriter::LogWriter(LogStore store, Hooks hooks, Duration retry, Duration proof)
    : body_(std::make_unique<Body>(std::move(store), std::move(hooks), retry, proof)) {}

LogWriter::~LogWriter() = default;

void LogWriter::write(core::Write write) { body_->write(std::move(write)); }
void LogWriter::resume() { body_->resume(); }

}  // namespace tandem::storage
