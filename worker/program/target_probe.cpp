#include "worker/program/target_probe.hpp"

#include <algorithm>
#include <utility>

#include "common/base/clock.hpp"

namespace tandem {

TargetProbe::TargetProbe(Endpoint target, TargetCheck check, Report report)
    : target_(std::move(target)), report_(std::move(report)), check_(std::move(check)) {
  if (target_.is_numeric()) {
    addresses_ = {target_};
  } else {
    lookups_.watch(target_, [this](const NameLookups::Found& result) { found(result); });
  }
  thread_ = std::thread([this] { run(); });
}

TargetProbe::~TargetProbe() {
  lookups_.stop();
  {
    const Lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void TargetProbe::check_by(TargetCheck check) {
  const Lock lock(mutex_);
  check_ = std::move(check);
  wake_.notify_all();
}

void TargetProbe::found(const NameLookups::Found& found) {
  const Lock lock(mutex_);
  if (found) addresses_ = *found;
  if (addresses_.empty()) unresolved_ = found.error().message;
  wake_.notify_all();
}

// Asks at the first address that accepts a connection. The result is `refused` only if all of them
// refuse.
TargetAnswer TargetProbe::ask(std::vector<Endpoint> addresses, const TargetCheck& check) {
  const auto last = std::find(addresses.begin(), addresses.end(), current_.value_or(Endpoint()));
  if (last != addresses.end()) std::rotate(addresses.begin(), last, last + 1);
  TargetAnswer worst;
  for (const auto& address : addresses) {
    auto answer = ask_target(address, target_, check);
    const bool accepted = answer.probed == Probed::good || answer.probed == Probed::silent;
    if (accepted) current_ = address;
    if (accepted || !answer.probed) return answer;
    if (!worst.probed || worst.probed == Probed::refused) worst = std::move(answer);
  }
  current_ = addresses.front();
  return worst;
}

void TargetProbe::run() {
  TargetHealth health(now());
  std::optional<Result> reported;
  Lock lock(mutex_);
  while (!stopping_) {
    wake_.wait(lock.native(), [this]() TANDEM_REQUIRES(mutex_) {
      return stopping_ || !addresses_.empty() || !unresolved_.empty();
    });
    if (stopping_) return;
    const auto check = check_;
    const auto addresses = addresses_;
    Result result{.why = unresolved_};
    lock.unlock();
    if (!addresses.empty()) {
      const auto answer = ask(addresses, check);
      if (answer.probed) health.note(*answer.probed, check, now());
      result = {.alive = health.is_alive(), .address = current_ ? current_ : addresses.front()};
      if (!result.alive) result.why = answer.why.empty() ? "not enough good probes" : answer.why;
    }
    if (reported != result) report_(result);
    reported = std::move(result);
    lock.lock();
    const bool has_none = addresses_.empty();
    wake_.wait_for(lock.native(), check.interval, [&]() TANDEM_REQUIRES(mutex_) {
      return stopping_ || check_ != check || (has_none && !addresses_.empty());
    });
  }
}

}  // namespace tandem
