#include "ctl/settling.hpp"

#include <algorithm>
#include <functional>
#include <thread>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/wire/status.hpp"

namespace tandem::ctl {

namespace {

constexpr Duration look_interval = 100ms;

// Looks until nothing is missing. `missing`: a sentence; empty: nothing.
Result<> wait_until(const std::function<std::string()>& missing, const Waiting& waiting) {
  const auto deadline = now() + waiting.timeout;
  std::string last;
  for (;;) {
    const auto why = missing();
    if (why.empty()) return {};
    if (why != last && waiting.progress) waiting.progress(why);
    last = why;
    if (now() >= deadline) {
      return fail(ErrorCode::timed_out,
                  fmt::format("after {}: {}", to_string(waiting.timeout), why));
    }
    std::this_thread::sleep_for(std::min<Duration>(look_interval, deadline - now()));
  }
}

std::string why_not_up(const ControlClient& client, const std::string& name) {
  const auto answer = client.get("/v1/workers");
  if (!answer) return answer.error().message;
  const auto workers = wire::parse_workers(*answer);
  if (!workers) return workers.error().message;
  for (const auto& worker : *workers) {
    if (worker.name != name) continue;
    if (worker.state == "up") return {};
    return fmt::format("{} is {}{}{}", name, worker.state, worker.reason.empty() ? "" : ": ",
                       worker.reason);
  }
  return fmt::format("there is no worker {}", name);
}

std::string why_not_settled(const ControlClient& client) {
  const auto answer = client.get("/status");
  if (!answer) return answer.error().message;
  const auto status = wire::parse_status(*answer);
  if (!status) return status.error().message;
  if (!status->primary) return "no primary is known";
  const auto& primary = status->primary->node;
  bool has_standby = false;
  for (const auto& voter : status->voters) {
    if (voter.kind != "master" || voter.name == primary) continue;
    has_standby = true;
    if (voter.in_sync.value_or(false)) return {};
  }
  return has_standby ? fmt::format("{} leads; no standby is in sync yet", primary) : std::string();
}

}  // namespace

Result<std::string> undrain_and_wait(const ControlClient& client, const std::string& worker,
                                     const Waiting& waiting, Format format) {
  auto done = undrain(client, worker, format);
  if (!done) return done;
  const auto is_up = wait_until([&] { return why_not_up(client, worker); }, waiting);
  return is_up ? done : is_up.error();
}

Result<std::string> switch_over_and_wait(const ControlClient& client, const std::string& to,
                                         const Waiting& waiting, Format format) {
  auto done = switch_over(client, to, format);
  if (!done) return done;
  const auto settled = wait_until([&] { return why_not_settled(client); }, waiting);
  return settled ? done : settled.error();
}

}  // namespace tandem::ctl
