// journal_sink.hpp: the log as systemd's journal takes it: with fields, where the standard error of
// this process is the journal, and otherwise with a priority before each line (sd-daemon(3)).
//
// Lines go to the journal's socket by its native protocol. What it does not take goes to the sink
// behind this one, as all lines do while another format is asked for.
//
// Called by one thread, that of the log; take_fields() is for any.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <spdlog/sinks/sink.h>

namespace tandem {

// Whether `descriptor` is what JOURNAL_STREAM says the journal reads: DEVICE:INODE. Null: nothing
// is said.
bool is_journal_stream(int descriptor, const char* journal_stream);

class JournalSink final : public spdlog::sinks::sink {
 public:
  // `socket`: the path of the journal's; empty: there is no journal.
  JournalSink(std::string socket, std::shared_ptr<spdlog::sinks::sink> otherwise);
  ~JournalSink() override;

  // Whether lines are wanted with fields, from the next one on.
  void take_fields(bool wanted) { takes_fields_.store(wanted, std::memory_order_relaxed); }

  void log(const spdlog::details::log_msg& message) override;
  void flush() override { otherwise_->flush(); }
  void set_pattern(const std::string& pattern) override { otherwise_->set_pattern(pattern); }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    otherwise_->set_formatter(std::move(formatter));
  }

 private:
  bool send(const std::string& text);

  const std::string path_;
  const std::shared_ptr<spdlog::sinks::sink> otherwise_;
  int socket_ = -1;
  std::atomic<bool> takes_fields_{false};
};

}  // namespace tandem
