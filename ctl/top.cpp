#include "ctl/top.hpp"

#include <algorithm>
#include <future>
#include <optional>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/wire/masters.hpp"
#include "common/wire/status.hpp"
#include "ctl/counts.hpp"
#include "ctl/terminal.hpp"
#include "ctl/top_screen.hpp"

namespace tandem::ctl {

namespace {

struct Told {
  wire::Status status;
  Measures measures;
  Endpoint by;
  std::string trouble;  // with a master that was asked in vain
  Counts counts{};      // of the workers
};

// Asks the master that answered last, and the others when that one does not.
class Asker {
 public:
  explicit Asker(const TopOptions& options) : options_(options), masters_(options.masters) {}

  Result<Told> ask() {
    std::string trouble;
    for (std::size_t tried = 0; tried < masters_.size(); ++tried) {
      const auto& master = masters_[current_];
      const auto client = options_.client_for(master);
      auto told = ask(client);
      if (told) {
        learn_masters(client);
        auto counts = take_counts(client, *told);
        auto measures = ask_measures(counts.client ? *counts.client : client);
        return Told{std::move(*told), std::move(measures), masters_[current_], trouble,
                    std::move(counts)};
      }
      if (told.error().code == ErrorCode::invalid) return told.error();
      trouble = told.error().message;
      current_ = (current_ + 1) % masters_.size();
    }
    return fail(ErrorCode::unavailable, trouble);
  }

 private:
  static Result<wire::Status> ask(const ControlClient& client) {
    const auto body = client.get("/status");
    if (!body) return body.error();
    return wire::parse_status(*body);
  }

  // Others may have joined.
  void learn_masters(const ControlClient& client) {
    if (now() < learn_at_) return;
    learn_at_ = now() + 10s;
    const auto body = client.get("/v1/masters");
    const auto list = body ? wire::parse_masters(*body) : body.error();
    if (!list) return;
    for (const auto& master : list->masters) {
      auto address = parse_endpoint(master.control, "control");
      if (!address || address->is_unspecified()) continue;
      if (std::find(masters_.begin(), masters_.end(), *address) == masters_.end()) {
        masters_.push_back(std::move(*address));
      }
    }
  }

  const TopOptions& options_;
  std::vector<Endpoint> masters_;
  std::size_t current_ = 0;  // of them: who answered last
  Instant learn_at_;
};

// What is on the screen, and what keys change of it.
class Top {
 public:
  explicit Top(const TopOptions& options) : options_(options), asker_(options) {}

  Result<> run() {
    auto first = asker_.ask();
    if (!first) return first.error();
    take(std::move(first));
    Terminal terminal;
    for (ask_again(); !terminal.was_told_to_end();) {
      const auto [lines, columns] = terminal.size();
      note_silence();
      if (!terminal.show(top_screen(told_.status, rates_, view_, lines, columns))) return {};
      const auto key = terminal.key(look_interval);
      if (key == 'q' || key == interrupt) return {};
      if (key) press(*key);
      look();
    }
    return {};
  }

 private:
  static constexpr Duration look_interval = 100ms;
  static constexpr Duration patience = 2s;
  static constexpr char interrupt = 3;  // Ctrl-C

  // Without an answer what was known stays, and the screen says why.
  void take(Result<Told> told) {
    if (!told) {
      view_.trouble = told.error().message;
      has_failed_ = true;
      return;
    }
    told_ = std::move(*told);
    told_at_ = now();
    has_failed_ = false;
    view_.measures = told_.measures;
    view_.note = told_.counts.note;
    rates_.observe(told_.status, told_.counts.by, now());
    view_.asked = told_.by.to_string();
    view_.trouble = told_.trouble;
  }

  // Masters that are frozen let a question wait for long.
  void note_silence() {
    if (view_.paused) return;
    const auto since = now() - told_at_;
    const bool is_late = since > options_.interval + patience;
    view_.silent.reset();
    if (!has_failed_ && !is_late) return;
    view_.silent = since;
    if (!has_failed_) view_.trouble = "the answer is still waited for";
  }

  // On another thread: keys work while a master is silent.
  void ask_again() {
    asked_at_ = now();
    asking_ = std::async(std::launch::async, [this] { return asker_.ask(); });
  }

  void look() {
    if (asking_.valid()) {
      if (asking_.wait_for(0s) != std::future_status::ready) return;
      auto told = asking_.get();
      if (!view_.paused) take(std::move(told));
    }
    if (!view_.paused && now() >= asked_at_ + options_.interval) ask_again();
  }

  void press(char key) {
    if (key == 's') {
      view_.sort = static_cast<SortBy>((static_cast<std::size_t>(view_.sort) + 1) % sorts);
    }
    if (key == 'r') view_.reversed = !view_.reversed;
    if (key == 'p' || key == ' ') view_.paused = !view_.paused;
  }

  const TopOptions& options_;
  Asker asker_;  // of the thread that asks, while it does
  Told told_;
  Instant told_at_;
  bool has_failed_ = false;  // to be told anything, since then
  Rates rates_;
  TopView view_;
  Instant asked_at_;
  std::future<Result<Told>> asking_;  // the last: it ends before the others do
};

}  // namespace

Result<std::string> top_once(const TopOptions& options) {
  Asker asker(options);
  const auto told = asker.ask();
  if (!told) return told.error();
  TopView view;
  view.asked = told->by.to_string();
  view.trouble = told->trouble;
  view.measures = told->measures;
  view.note = told->counts.note;
  return top_text(told->status, Rates(), view);
}

Result<> top(const TopOptions& options) { return Top(options).run(); }

}  // namespace tandem::ctl
