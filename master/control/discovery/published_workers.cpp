#include "master/control/discovery/published_workers.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/log.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

bool is_published(const SnapshotWorker& worker) {
  const auto is_set = [](const auto& flag) { return flag.load(std::memory_order_relaxed); };
  const auto& counters = *worker.counters;
  const bool is_out = worker.last_resort || is_set(counters.suspect) || is_set(counters.down) ||
                      is_set(counters.ejected_until) != 0;
  return worker.weight > 0 && !worker.is_discovered && !is_out;
}

}  // namespace

PublishedEntries published_workers(const Snapshot& snapshot) {
  PublishedEntries entries;
  for (const auto& service : snapshot.services) {
    for (const auto& worker : service->workers) {
      if (entries.size() >= limits::published_entries_max) return entries;
      if (!is_published(*worker)) continue;
      entries.insert({.service = service->name,
                      .address = worker->address,
                      .tls = worker->tls != nullptr || service->tls != nullptr});
    }
  }
  return entries;
}

PublishedEntries published_masters(const Snapshot& snapshot, const std::vector<Endpoint>& masters) {
  PublishedEntries entries;
  for (const auto& service : snapshot.services) {
    const bool is_served =
        std::any_of(service->workers.begin(), service->workers.end(),
                    [](const auto& worker) { return worker->weight > 0 && !worker->last_resort; });
    for (const auto& address : masters) {
      if (is_served && entries.size() < limits::published_entries_max) {
        entries.insert({.service = service->name, .address = address});
      }
    }
  }
  return entries;
}

PublishedWorkers::PublishedWorkers(Sources sources)
    : sources_(std::move(sources)),
      publications_(
          [this](const std::string& publication, PublicationReport report) {
            asio::post(sources_.loop, [this, publication, report = std::move(report)] {
              if (!stopped_) took(publication, report, now());
            });
          },
          sources_.may_publish) {}

void PublishedWorkers::set(const std::vector<PublicationSpec>& specs) {
  auto before = std::exchange(states_, {});
  for (const auto& spec : specs) {
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&](const auto& state) { return state.spec == spec; });
    states_.push_back(same != before.end() ? *same : State{.spec = spec});
  }
  publications_.set(specs);
  if (specs.empty()) leads_ = false;
}

// Called on the thread of the publications, each time with what is so at that moment.
Publications::WantedOf PublishedWorkers::wanted() const {
  return [snapshot = snapshot_, masters = masters_](PublicationSpec::What what) -> WantedEntries {
    return [snapshot, masters, what] {
      if (snapshot == nullptr) return std::make_shared<const PublishedEntries>();
      return std::make_shared<const PublishedEntries>(what == PublicationSpec::What::workers
                                                          ? published_workers(*snapshot)
                                                          : published_masters(*snapshot, masters));
    };
  };
}

void PublishedWorkers::saw(SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  if (leads_) publications_.change(wanted());
}

void PublishedWorkers::tick(Instant) {
  if (stopped_ || states_.empty()) return;
  auto master = sources_.leads();
  const bool led = std::exchange(leads_, !master.cluster.empty() && snapshot_ != nullptr);
  auto masters = leads_ ? sources_.masters() : std::vector<Endpoint>();
  const bool moved = masters != masters_;
  masters_ = std::move(masters);
  if (leads_ && !led) {
    publications_.lead(std::move(master), wanted());
  } else if (led && !leads_) {
    publications_.lead_no_more();
    for (auto& state : states_) state = {.spec = state.spec};
  } else if (leads_ && moved) {
    publications_.change(wanted());
  }
}

void PublishedWorkers::stop(Publication::Entries entries) {
  stopped_ = true;
  publications_.stop(entries);
}

asio::awaitable<std::string> PublishedWorkers::withdraw(Endpoint address) {
  if (!publications_.any() || !leads_ || stopped_) co_return std::string();
  if (withdrawals_ >= limits::withdrawals_max) {
    co_return std::string("there are too many such waits already");
  }
  sources_.registry.publish();  // what is published from now on does without it
  struct Outcome {
    asio::steady_timer timer;
    bool is_known = false;
    std::string problem{};
  };
  auto outcome = std::make_shared<Outcome>(Outcome{.timer = asio::steady_timer(sources_.loop)});
  outcome->timer.expires_after(limits::withdrawal_wait);
  publications_.withdraw(address, [&loop = sources_.loop, outcome](std::string problem) {
    asio::post(loop, [outcome, problem = std::move(problem)]() mutable {
      outcome->is_known = true;
      outcome->problem = std::move(problem);
      outcome->timer.cancel();
    });
  });
  ++withdrawals_;
  boost::system::error_code ignored;
  co_await outcome->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  --withdrawals_;
  if (outcome->is_known) co_return outcome->problem;
  co_return fmt::format("a registry has not answered within {}",
                        tandem::to_string(Duration(limits::withdrawal_wait)));
}

void PublishedWorkers::took(const std::string& publication, const PublicationReport& report,
                            Instant now) {
  const auto found = std::find_if(states_.begin(), states_.end(), [&](const auto& state) {
    return state.spec.text == publication;
  });
  if (found == states_.end() || !leads_) return;
  auto& state = *found;
  if (!report.lost.empty()) {
    const bool was_lost = !std::exchange(state.lost, report.lost).empty();
    if (was_lost) return;
    state.lost_since = now;
    return tell(state, fmt::format("{} cannot be written", publication), report.lost);
  }
  const bool was_lost = !std::exchange(state.lost, {}).empty();
  if (was_lost) tell(state, fmt::format("{} can be written again", publication), {});
  if (!std::exchange(state.is_written, true)) {
    log::info("published registry={} entries={}", publication, report.held.entries);
  }
  state.held = report.held;
  say(state);
}

void PublishedWorkers::tell(const State& state, std::string text, std::string reason) {
  log::warn("{} reason=\"{}\"", text, reason);
  sources_.record({.kind = EventKind::publication,
                   .subject = std::string(to_string(state.spec.registry.kind)),
                   .text = std::move(text),
                   .reason = std::move(reason)});
}

// Each thing once, as long as it is so.
void PublishedWorkers::say(State& state) {
  std::set<std::string> now_said(state.held.left_out.begin(), state.held.left_out.end());
  for (const auto& text : now_said) {
    if (state.said.contains(text)) continue;
    log::warn("entry not published registry={} reason=\"{}\"", state.spec.text, text);
  }
  state.said = std::move(now_said);
}

std::vector<wire::PublicationStatus> PublishedWorkers::status(Instant now) const {
  std::vector<wire::PublicationStatus> all;
  for (const auto& state : states_) {
    wire::PublicationStatus status{.publication = state.spec.text, .state = "standing_by"};
    if (leads_) status.state = state.is_written ? "written" : "unwritten";
    if (!state.lost.empty()) {
      status.state = "lost";
      status.problem = state.lost;
      status.lost_ms = std::max<std::int64_t>(0, to_ms(now - state.lost_since));
    }
    status.entries = state.held.entries;
    status.left_out = state.held.left_out_count;
    if (!state.held.left_out.empty()) status.left_out_why = state.held.left_out.front();
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace tandem::master
