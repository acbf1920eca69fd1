#include "master/control/discovery/discovered_workers.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/log.hpp"
#include "common/base/name.hpp"
#include "master/control/discovery/registered_place.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// Whether it lists the same, although it is written in another way: other servers, another token.
bool lists_the_same(const SourceSpec& a, const SourceSpec& b) {
  return a.service == b.service && a.kind == b.kind && a.name == b.name;
}

bool shares_server(const SourceSpec& a, const SourceSpec& b) {
  return std::any_of(a.servers.begin(), a.servers.end(), [&](const auto& each) {
    return std::find(b.servers.begin(), b.servers.end(), each) != b.servers.end();
  });
}

// From whom an instance comes.
std::string host_of(const SourceSpec& spec) {
  const bool is_here = std::all_of(spec.servers.begin(), spec.servers.end(),
                                   [](const auto& each) { return is_of_this_machine(each.host); });
  return is_here ? "127.0.0.1" : spec.servers.front().host;
}

std::size_t count_of(const InstanceListPtr& list) {
  return list == nullptr ? 0 : list->instances.size();
}

}  // namespace

DiscoveredWorkers::DiscoveredWorkers(Sources sources)
    : sources_(std::move(sources)),
      readers_(sources_.data_dir, [this](const std::string& source, SourceReport report) {
        asio::post(sources_.loop, [this, source, report = std::move(report)] {
          if (!stopped_) took(source, report, now());
        });
      }) {}

void DiscoveredWorkers::set(const std::vector<SourceSpec>& specs, Instant now) {
  if (!specs.empty() && !std::exchange(has_read_kept_, true) && !sources_.data_dir.empty()) {
    auto kept = load_lists(sources_.data_dir);
    if (kept) {
      kept_ = std::move(*kept);
    } else if (kept.error().code != ErrorCode::not_found) {
      log::warn("instances of registries not read reason=\"{}\"", kept.error().message);
    }
  }
  auto before = std::exchange(states_, {});
  InstanceLists known;
  for (const auto& spec : specs) {
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&](const auto& state) { return state.spec == spec; });
    if (same != before.end()) {
      states_.push_back(*same);
    } else {
      State state{.spec = spec};
      const auto* const alike = find_alike(before, specs, spec);
      const auto kept = kept_.find(spec.text);
      if (alike != nullptr) {
        state.list = alike->list;
      } else if (kept != kept_.end()) {
        state.list = kept->second;
      }
      states_.push_back(std::move(state));
    }
    if (states_.back().list != nullptr) known.emplace(spec.text, states_.back().list);
  }
  kept_.clear();
  list_all(now);
  readers_.set(specs, std::move(known));
}

// The one that `spec` stands for from now on: it is read no more, and lists the same.
const DiscoveredWorkers::State* DiscoveredWorkers::find_alike(const std::vector<State>& before,
                                                              const std::vector<SourceSpec>& specs,
                                                              const SourceSpec& spec) {
  const State* alike = nullptr;
  for (const auto& each : before) {
    const bool stays = std::find(specs.begin(), specs.end(), each.spec) != specs.end();
    if (stays || !lists_the_same(each.spec, spec)) continue;
    if (alike == nullptr || shares_server(each.spec, spec)) alike = &each;
  }
  return alike;
}

void DiscoveredWorkers::took(const std::string& source, const SourceReport& report, Instant now) {
  const auto found = std::find_if(states_.begin(), states_.end(),
                                  [&](const auto& state) { return state.spec.text == source; });
  if (found == states_.end()) return;
  auto& state = *found;
  if (!report.lost.empty()) {
    const bool was_lost = !std::exchange(state.lost, report.lost).empty();
    if (was_lost) return;
    state.lost_since = now;
    return tell(state,
                fmt::format("{} cannot be read, the {} instances of {} stay", source,
                            count_of(state.list), state.spec.service),
                report.lost);
  }
  const bool was_lost = !std::exchange(state.lost, {}).empty();
  if (was_lost) tell(state, fmt::format("{} can be read again", source), {});
  const bool was_doubted = std::exchange(state.doubted, report.doubted);
  if (report.doubted && !was_doubted) {
    tell(state,
         fmt::format("{} lists nothing any more, and is read once more before it is believed",
                     source),
         {});
  }
  if (report.list == nullptr) {
    state.is_read = state.is_read || !report.doubted;
    return;
  }
  state.is_read = true;
  log::info("instances read source={} count={} before={} skipped={}", source,
            report.list->instances.size(), count_of(state.list), report.list->skipped_count);
  state.list = report.list;
  list_all(now);
}

void DiscoveredWorkers::tell(const State& state, std::string text, std::string reason) {
  log::warn("{} reason=\"{}\"", text, reason);
  sources_.record({.kind = EventKind::discovery,
                   .subject = state.spec.service,
                   .text = std::move(text),
                   .reason = std::move(reason)});
}

Result<> DiscoveredWorkers::check(const SourceSpec& spec, const Endpoint& address) const {
  const auto fits = check_registered_host(address.host, host_of(spec), sources_.is_alone());
  return fits ? sources_.own_addresses.check_newcomer(address) : fits;
}

void DiscoveredWorkers::list(State& state, Registry::Discovered& listed) const {
  state.names.clear();
  state.refused.clear();
  if (state.list == nullptr) return;
  for (const auto& instance : state.list->instances) {
    wire::WorkerSpec spec{.name = wire::name_of_worker_at(instance.address),
                          .service = state.spec.service,
                          .address = instance.address,
                          .weight = instance.weight};
    auto fits = check(state.spec, instance.address);
    if (fits && !is_name(spec.name)) fits = invalid("its address cannot be a worker's name");
    if (fits) {
      const auto [place, is_new] = listed.emplace(spec.name, spec);
      if (!is_new && place->second.service != spec.service) {
        fits = invalid(fmt::format("it is listed for {} as well", place->second.service));
      }
    }
    if (fits) {
      state.names.push_back(spec.name);
    } else {
      state.refused.emplace(instance.address.to_string(), fits.error().message);
    }
  }
}

// Each thing once, as long as it is so.
void DiscoveredWorkers::say(State& state) {
  std::set<std::string> now_said;
  for (const auto& [address, why] : state.refused) now_said.insert(address + ": " + why);
  if (state.list != nullptr)
    now_said.insert(state.list->skipped.begin(), state.list->skipped.end());
  std::size_t told = 0;
  for (const auto& text : now_said) {
    if (state.said.contains(text) || ++told > limits::source_skipped_told_max) continue;
    log::warn("instance left out source={} reason=\"{}\"", state.spec.text, text);
  }
  state.said = std::move(now_said);
}

void DiscoveredWorkers::list_all(Instant now) {
  addresses_version_ = sources_.own_addresses.version();
  Registry::Discovered listed;
  for (auto& state : states_) {
    list(state, listed);
    say(state);
  }
  sources_.registry.discover(std::move(listed), now);
}

// Where masters are may have changed.
void DiscoveredWorkers::tick(Instant now) {
  if (states_.empty() || addresses_version_ == sources_.own_addresses.version()) return;
  list_all(now);
}

void DiscoveredWorkers::stop() {
  stopped_ = true;
  readers_.stop();
}

std::vector<wire::SourceStatus> DiscoveredWorkers::status(Instant now) const {
  const auto& undiscovered = sources_.registry.undiscovered();
  std::vector<wire::SourceStatus> all;
  for (const auto& state : states_) {
    wire::SourceStatus status{
        .source = state.spec.text, .service = state.spec.service, .state = "read"};
    if (!state.is_read) status.state = "unread";
    if (state.doubted) status.state = "doubted";
    if (!state.lost.empty()) status.state = "lost";
    status.problem = state.lost;
    if (!state.lost.empty())
      status.lost_ms = std::max<std::int64_t>(0, to_ms(now - state.lost_since));
    status.instances = count_of(state.list);
    status.left_out = state.refused.size();
    if (!state.refused.empty()) {
      const auto& [address, why] = *state.refused.begin();
      status.left_out_why = address + ": " + why;
    }
    for (const auto& name : state.names) {
      const auto found = undiscovered.find(name);
      if (found == undiscovered.end()) continue;
      ++status.left_out;
      if (status.left_out_why.empty()) status.left_out_why = found->second;
    }
    if (state.list != nullptr) {
      status.skipped = state.list->skipped_count;
      if (!state.list->skipped.empty()) status.skipped_why = state.list->skipped.front();
    }
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace tandem::master
