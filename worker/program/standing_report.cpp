#include "worker/program/standing_report.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "worker/program/limits.hpp"

namespace tandem {

namespace {

// "registered with 2 of 2 masters, a leads in term 7"
std::string standing(const std::vector<MasterState>& masters) {
  const auto answers = std::count_if(masters.begin(), masters.end(),
                                     [](const auto& master) { return master.answers; });
  if (answers == 0) {
    const auto why = masters.empty() ? "it has no address yet" : masters.front().error;
    return fmt::format("not registered{}{}", why.empty() ? "" : ": ", why);
  }
  auto text = fmt::format("registered with {} of {} masters", answers, masters.size());
  const auto primary = std::find_if(masters.begin(), masters.end(), [](const auto& master) {
    return master.answers && master.role == "primary";
  });
  if (primary == masters.end()) return text + ", none of them leads";
  return text + fmt::format(", {} leads in term {}", primary->node, primary->term);
}

}  // namespace

StandingReport::StandingReport(ServiceManager& manager, Subject subject)
    : manager_(manager), subject_(std::move(subject)) {
  if (manager_.listens()) thread_ = std::thread([this] { run(); });
}

StandingReport::~StandingReport() {
  {
    const Lock lock(mutex_);
    ends_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void StandingReport::stopping(Duration at_most) {
  stopping_ = true;
  manager_.stopping(at_most);
}

void StandingReport::run() {
  const auto interval = std::min<Duration>(
      manager_.beat_interval().value_or(limits::standing_interval), limits::standing_interval);
  bool is_ready = false;
  do {
    is_ready = look() || is_ready;
  } while (wait(is_ready ? interval : std::min<Duration>(interval, limits::ready_interval)));
}

// Whether a master knows the worker.
bool StandingReport::look() {
  const auto masters = subject_.masters();
  manager_.status(standing(masters));
  beat(masters);
  const bool known = std::any_of(masters.begin(), masters.end(),
                                 [](const auto& master) { return master.answers; });
  if (known) manager_.ready();
  return known;
}

void StandingReport::beat(const std::vector<MasterState>& masters) {
  if (std::any_of(masters.begin(), masters.end(), [](const auto& master) { return master.hangs; }))
    return;
  if (subject_.turns && !stopping_) {
    const auto turns = subject_.turns();
    if (turns == std::exchange(turns_, turns)) return;
  }
  manager_.beat();
}

bool StandingReport::wait(Duration duration) {
  Lock lock(mutex_);
  wake_.wait_for(lock.native(), duration, [this]() TANDEM_REQUIRES(mutex_) { return ends_; });
  return !ends_;
}

}  // namespace tandem
