#include "master/forward/access_log/log.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstring>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"

namespace tandem::master {

namespace {

// What a line is made of, and what is asked before it is.
AccessFields needed_fields(const AccessLogOptions& options) {
  auto fields = options.filter.fields();
  if (options.format == AccessFormat::combined) {
    fields.add(AccessField::referer);
    fields.add(AccessField::user_agent);
  } else {
    for (const auto field : options.fields.in_order()) fields.add(field);
  }
  return fields;
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(AccessLogOptions options, unsigned loops) {
  auto file = AccessFile::open(std::move(options.path));
  if (!file) return file.error();
  return std::unique_ptr<AccessLog>(new AccessLog(std::move(*file), options, loops));
}

AccessLog::AccessLog(AccessFile file, const AccessLogOptions& options, unsigned loops)
    : file_(std::move(file)),
      fields_(needed_fields(options)),
      filter_(options.filter),
      format_(options.format, options.fields) {
  for (unsigned loop = 0; loop < loops; ++loop) {
    rings_.push_back(std::make_unique<AccessRing>(options.ring_bytes));
  }
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "access-log");
}

AccessLog::~AccessLog() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void AccessLog::reopen() {
  {
    const Lock lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_one();
}

std::uint64_t AccessLog::lost() const {
  auto sum = unwritten_.load(std::memory_order_relaxed);
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

void AccessLog::run() {
  // A reader of our standard output that goes away is an error of write(), not the end of the
  // program.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  for (bool last = false; !last;) {
    bool asked = false;
    {
      Lock lock(mutex_);
      wake_.wait_for(lock.native(), limits::access_log_interval,
                     [this]() TANDEM_REQUIRES(mutex_) { return reopen_ || stopping_; });
      asked = std::exchange(reopen_, false);
      last = stopping_;
    }
    write_entries();
    if (asked) open_anew();
    const auto time = now();
    if (!last && time - looked_at_ < 1s) continue;
    looked_at_ = time;
    if (!asked && file_.was_moved()) open_anew();
    warn_of_losses();
  }
}

void AccessLog::write_entries() {
  // Entries tell time by the boot clock, lines by the wall clock of the moment they are written.
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto boot_to_unix = duration_cast<Duration>(wall) - now().since_boot();
  AccessEntry entry;
  for (const auto& ring : rings_) {
    while (ring->pop(entry)) {
      if (!filter_.takes(entry)) continue;
      const auto started = entry.started.since_boot() + boot_to_unix;
      format_.append(lines_, entry, duration_cast<microseconds>(started).count());
      if (lines_.size() >= limits::access_log_write_bytes) write_lines();
    }
  }
  write_lines();
}

void AccessLog::write_lines() {
  if (lines_.empty()) return;
  const auto written = file_.write(lines_, stopping_);
  lines_.clear();
  if (written.lines_lost == 0) return;
  unwritten_.fetch_add(written.lines_lost, std::memory_order_relaxed);
  error_ = written.error;
}

void AccessLog::open_anew() {
  const auto opened = file_.reopen();
  if (opened) {
    log::info("access log reopened");
  } else {
    log::error("access log not reopened, going on with the old file reason=\"{}\"",
               opened.error().message);
  }
}

void AccessLog::warn_of_losses() {
  const auto sum = lost();
  if (sum == warned_of_) return;
  log::warn("access log lost lines={} total={} reason=\"{}\"", sum - warned_of_, sum,
            error_ == 0 ? "more requests than could be written" : std::strerror(error_));
  warned_of_ = sum;
  error_ = 0;
}

}  // namespace tandem::master
