#include "ctl/top_screen.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/base/printable.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace {

using Align = Table::Align;
using Workers = std::vector<wire::WorkerStatus>;

constexpr const char* keys = "q quit   s sort   r reverse   p pause";

double rate(std::uint64_t before, std::uint64_t after, double seconds) {
  return static_cast<double>(after - before) / seconds;
}

std::string shown(const Rates::OfWorker* rates, double Rates::OfWorker::*which) {
  return rates == nullptr ? "-" : fmt::format("{:.1f}", rates->*which);
}

std::string shown_ms(const Measures::Times* times, double Measures::Times::*which) {
  if (times == nullptr) return "-";
  const auto ms = times->*which;
  return fmt::format("{:.{}f}", ms, ms < 10 ? 1 : 0);
}

const Measures::Times* times_of(const TopView& view, const std::string& worker) {
  const auto found = view.measures.workers.find(worker);
  return found == view.measures.workers.end() ? nullptr : &found->second;
}

std::string heard(const wire::WorkerStatus& worker) {
  if (!worker.last_heartbeat_ms) return "never";
  return fmt::format("{:.1f}s", static_cast<double>(*worker.last_heartbeat_ms) / 1000);
}

// The busiest, or the sickest, first.
Workers sorted(Workers workers, const Rates& rates, const TopView& view) {
  const auto of = [&](const wire::WorkerStatus& worker, double Rates::OfWorker::*which) {
    const auto* known = rates.of(worker.name);
    return known == nullptr ? 0.0 : known->*which;
  };
  const auto p99_of = [&](const wire::WorkerStatus& worker) {
    const auto* times = times_of(view, worker.name);
    return times == nullptr ? 0.0 : times->p99_ms;
  };
  std::stable_sort(workers.begin(), workers.end(), [&](const auto& one, const auto& other) {
    switch (view.sort) {
      case SortBy::name: return one.name < other.name;
      case SortBy::requests:
        return of(one, &Rates::OfWorker::requests) > of(other, &Rates::OfWorker::requests);
      case SortBy::failures:
        return of(one, &Rates::OfWorker::failures) > of(other, &Rates::OfWorker::failures);
      case SortBy::p99: return p99_of(one) > p99_of(other);
      case SortBy::in_flight: return one.in_flight > other.in_flight;
      case SortBy::state: return (one.state != "up") > (other.state != "up");
    }
    return false;
  });
  if (view.reversed) std::reverse(workers.begin(), workers.end());
  return workers;
}

std::string worker_table(const wire::Status& status, const Rates& rates, const TopView& view) {
  if (status.workers.empty()) return "no workers\n";
  Table table({{"WORKER"},
               {"SERVICE"},
               {"STATE"},
               {"WEIGHT", Align::right},
               {"IN FLIGHT", Align::right},
               {"REQ/S", Align::right},
               {"FAIL/S", Align::right},
               {"P50 MS", Align::right},
               {"P99 MS", Align::right},
               {"REQUESTS", Align::right},
               {"FAILURES", Align::right},
               {"HEARD", Align::right},
               {"REASON"}});
  for (const auto& worker : sorted(status.workers, rates, view)) {
    const auto* known = rates.of(worker.name);
    const auto* times = times_of(view, worker.name);
    table.add({worker.name, worker.service, worker.state, std::to_string(worker.weight),
               std::to_string(worker.in_flight), shown(known, &Rates::OfWorker::requests),
               shown(known, &Rates::OfWorker::failures), shown_ms(times, &Measures::Times::p50_ms),
               shown_ms(times, &Measures::Times::p99_ms), std::to_string(worker.requests),
               std::to_string(worker.failures), heard(worker), worker.reason});
  }
  return table.to_string();
}

std::string service_table(const wire::Status& status, const Measures& measures) {
  Table table({{"SERVICE"},
               {"WORKERS", Align::right},
               {"OUT", Align::right},
               {"WAITING", Align::right},
               {"PANIC"}});
  auto waiting = measures.waiting;
  for (const auto& service : status.services) {
    table.add({service.name, std::to_string(service.workers), std::to_string(service.out),
               std::to_string(waiting[service.name]), service.panic ? "yes" : "no"});
    waiting.erase(service.name);
  }
  for (const auto& [name, requests] : waiting) {
    table.add({name, "0", "0", std::to_string(requests), "no"});
  }
  const bool is_empty = status.services.empty() && waiting.empty();
  return is_empty ? std::string() : table.to_string() + "\n";
}

std::string voters(const wire::Status& status) {
  std::string text;
  for (const auto& voter : status.voters) {
    text += text.empty() ? "" : ", ";
    text += voter.name;
    if (voter.silent_ms) {
      text += fmt::format(" (silent for {:.1f}s)", static_cast<double>(*voter.silent_ms) / 1000);
    } else if (voter.lag && *voter.lag > 0) {
      text += fmt::format(" ({} behind)", *voter.lag);
    }
  }
  return text;
}

// What came from others stays on its line.
std::string line(const std::string& text) { return printable(text) + "\n"; }

std::string cut(const std::string& text, std::size_t columns) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((text[at] & 0xC0) != 0x80 && width++ == columns) return text.substr(0, at);
  }
  return text;
}

}  // namespace

void Rates::observe(const wire::Status& status, const std::string& counted_by, Instant at) {
  rates_.clear();
  const bool goes_on = counted_by == counted_by_ && at > at_;
  const auto seconds = std::chrono::duration<double>(at - at_).count();
  std::map<std::string, wire::WorkerStatus> now_known;
  for (const auto& worker : status.workers) {
    const auto before = before_.find(worker.name);
    if (goes_on && before != before_.end() && before->second.requests <= worker.requests &&
        before->second.failures <= worker.failures) {
      rates_[worker.name] = {rate(before->second.requests, worker.requests, seconds),
                             rate(before->second.failures, worker.failures, seconds)};
    }
    now_known[worker.name] = worker;
  }
  before_ = std::move(now_known);
  counted_by_ = counted_by;
  at_ = at;
}

const Rates::OfWorker* Rates::of(const std::string& worker) const {
  const auto found = rates_.find(worker);
  return found == rates_.end() ? nullptr : &found->second;
}

const char* to_string(SortBy sort) {
  switch (sort) {
    case SortBy::name: return "name";
    case SortBy::requests: return "requests";
    case SortBy::failures: return "failures";
    case SortBy::in_flight: return "in flight";
    case SortBy::p99: return "p99";
    case SortBy::state: return "state";
  }
  return "";
}

std::string top_text(const wire::Status& status, const Rates& rates, const TopView& view) {
  auto text = line(fmt::format("primary {}, term {}; told by {} ({}), {}",
                               status.primary ? status.primary->node : std::string("unknown"),
                               status.term, status.node, status.role, view.asked));
  const auto protection =
      fmt::format("protected {}: {}", status.protected_ ? "yes" : "NO", status.protection);
  if (view.silent) {
    text = line(fmt::format("NO MASTER ANSWERS, for {} s: {}", to_ms(*view.silent) / 1000,
                            view.trouble)) +
           "What follows was known before that.\n" + text + line("was " + protection);
  } else {
    text += line(protection);
  }
  text += line(fmt::format("voters {}", voters(status)));
  if (!status.failure.empty()) text += line("failure " + status.failure);
  if (!view.trouble.empty() && !view.silent) text += line(view.trouble);
  if (!view.note.empty()) text += line(view.note);
  return text + "\n" + service_table(status, view.measures) + worker_table(status, rates, view);
}

std::string top_screen(const wire::Status& status, const Rates& rates, const TopView& view,
                       std::size_t lines, std::size_t columns) {
  std::istringstream all(top_text(status, rates, view));
  std::string text;
  std::size_t used = 0;
  for (std::string each; used + 1 < lines && std::getline(all, each); ++used) {
    text += cut(each, columns) + "\n";
  }
  for (; used + 1 < lines; ++used) text += "\n";
  const auto last = fmt::format("{}   by {}{}{}", keys, to_string(view.sort),
                                view.reversed ? ", reversed" : "", view.paused ? "   PAUSED" : "");
  return text + cut(last, columns);
}

}  // namespace tandem::ctl
