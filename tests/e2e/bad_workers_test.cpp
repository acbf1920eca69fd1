// Workers that fail at random, under load: slow, failing, breaking off in the middle, refusing,
// frozen, killed, flapping, leaving and joining. At any moment at least three of eight are good. So
// no idempotent request fails, save long answers of which a part had been passed on: their clients
// see a broken connection. No POST is executed twice, or answered 200 and not executed. When the
// faults have ended all workers are up, get traffic, and have nothing in flight.
//
//   TANDEM_BAD_WORKERS_SECONDS=300 TANDEM_BAD_WORKERS_SEED=7 build/release/bin/e2e_bad_workers
//
// The seed, printed first, fixes what is inflicted, for how long, and what the clients ask; what
// the processes make of it is their own.
#include <catch2/catch.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>

#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/faulty_workers.hpp"
#include "tests/e2e/harness/mixed_load.hpp"

namespace tandem::e2e::bad_workers_test {
namespace {

using Clock = std::chrono::steady_clock;

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

constexpr unsigned workers_count = 8;
constexpr unsigned bad_max = 5;
constexpr unsigned clients = 12;

// What an operator would say who knows that requests are short and workers fail often.
constexpr Milliseconds response_timeout = 1s;
constexpr Milliseconds retry_backoff = 25ms;
constexpr unsigned attempts = bad_max + 1;

Arguments settings(const std::string& hedge_after) {
  Arguments arguments;
  for (const auto& setting :
       {std::string("retry_on=500,502,503,504"), fmt::format("attempts={}", attempts),
        fmt::format("response_timeout={}ms", response_timeout.count()),
        fmt::format("idle_timeout={}ms", response_timeout.count()),
        fmt::format("retry_backoff={}ms", retry_backoff.count()), std::string("retry_budget=100"),
        "hedge_after=" + hedge_after}) {
    arguments.push_back("--service");
    arguments.push_back("default:" + setting);
  }
  return arguments;
}

// The script: makes workers fail, and well again.
class Faults {
 public:
  Faults(FaultyWorkers& workers, unsigned seed) : workers_(workers), random_(seed) {}

  // Returns when so much time has passed and all workers are good.
  void inflict_for(Milliseconds lasting) {
    const auto end = Clock::now() + lasting;
    for (auto next = Clock::now(); next < end; next += Milliseconds(between(100, 500))) {
      while (!ailing_.empty() && next_event() < next) attend();
      std::this_thread::sleep_until(next);
      if (ailing_.size() < bad_max) fall_ill();
    }
    while (!ailing_.empty()) attend();
  }

  // What was done when, for whoever reads of a failure.
  const std::string& story() const { return story_; }

 private:
  struct Ailing {
    std::string name;
    std::string fault;
    Clock::time_point until;
    Clock::time_point next;  // a worker that flaps is started or killed then; others are healed
  };

  int between(int min, int max) { return std::uniform_int_distribution<>(min, max)(random_); }

  // Each kind once, in any order, before one comes again.
  std::string next_fault() {
    if (to_come_.empty()) {
      to_come_ = {"slow 200 2000", "fails",     "resets", "refuses",
                  "freezes",       "is killed", "flaps",  "leaves"};
      std::shuffle(to_come_.begin(), to_come_.end(), random_);
    }
    const auto fault = to_come_.back();
    to_come_.pop_back();
    return fault;
  }

  void fall_ill() {
    std::vector<std::string> well;
    for (const auto& name : workers_.names()) {
      const auto is_it = [&name](const Ailing& ailing) { return ailing.name == name; };
      if (std::none_of(ailing_.begin(), ailing_.end(), is_it)) well.push_back(name);
    }
    Ailing ailing{
        .name = well[static_cast<std::size_t>(between(0, static_cast<int>(well.size()) - 1))],
        .fault = next_fault(),
        .until = Clock::now() + Milliseconds(between(300, 3000)),
        .next = {}};
    ailing.next = ailing.until;
    note(ailing.name + " " + ailing.fault);
    if (ailing.fault == "freezes") {
      workers_.freeze(ailing.name);
    } else if (ailing.fault == "is killed" || ailing.fault == "flaps") {
      workers_.kill(ailing.name);
      if (ailing.fault == "flaps") ailing.next = Clock::now() + Milliseconds(between(20, 300));
    } else {
      workers_.tell(ailing.name, ailing.fault);
    }
    ailing_.push_back(ailing);
  }

  Clock::time_point next_event() const {
    return std::min_element(ailing_.begin(), ailing_.end(), sooner)->next;
  }
  static bool sooner(const Ailing& one, const Ailing& other) { return one.next < other.next; }

  // Waits for the next event, and sees to it.
  void attend() {
    const auto ailing = std::min_element(ailing_.begin(), ailing_.end(), sooner);
    std::this_thread::sleep_until(ailing->next);
    if (ailing->next < ailing->until) {
      if (workers_.running(ailing->name)) {
        workers_.kill(ailing->name);
      } else {
        workers_.start(ailing->name);
      }
      ailing->next = std::min(ailing->until, Clock::now() + Milliseconds(between(20, 300)));
      return;
    }
    workers_.heal(ailing->name);
    note(ailing->name + " is well");
    ailing_.erase(ailing);
  }

  void note(const std::string& what) {
    story_ += fmt::format("{} ms: {}\n", (Clock::now() - began_) / Milliseconds(1), what);
  }

  FaultyWorkers& workers_;
  std::mt19937 random_;
  std::vector<std::string> to_come_;
  std::vector<Ailing> ailing_;
  const Clock::time_point began_ = Clock::now();
  std::string story_;
};

using Views = std::map<std::string, WorkerView>;

bool all_of(const Views& views, const std::function<bool(const WorkerView&)>& is_so) {
  return views.size() == workers_count &&
         std::all_of(views.begin(), views.end(),
                     [&](const auto& view) { return is_so(view.second); });
}

bool are_up(const Views& views) {
  return all_of(views, [](const WorkerView& view) { return view.state == "up"; });
}

// While clients ask: all workers answer again and are up. An ejected worker is up after its first
// good answer. Afterwards nothing is in flight. Empty when that came true; else how it is.
std::string await_recovery(const Cluster& cluster) {
  Client client(cluster.listen());
  auto before = cluster.workers();
  const bool is_well = eventually(
      [&] {
        for (unsigned i = 0; i < 5 * workers_count; ++i) client.get("/bytes/100");
        const auto views = cluster.workers();
        bool all_answer = true;
        for (const auto& [name, view] : views) {
          auto& requests = before[name].requests;
          requests = std::min(requests, view.requests);  // one that has just joined begins at 0
          all_answer = all_answer && view.requests > requests;
        }
        return all_answer && are_up(views);
      },
      2 * patience);
  const bool is_idle = eventually([&] {
    return all_of(cluster.workers(), [](const WorkerView& view) { return view.in_flight == 0; });
  });
  return is_well && is_idle ? "" : get(cluster.control(), "/v1/workers").body;
}

// With HTTP/2 the workers break off single answers or whole connections, at random.
void rehearse(const std::string& hedge_after, Protocol of_clients = Protocol::http1,
              Protocol of_workers = Protocol::http1) {
  const unsigned seed = from_environment("TANDEM_BAD_WORKERS_SEED", 1);
  const std::chrono::seconds lasting(from_environment("TANDEM_BAD_WORKERS_SECONDS", 6));
  std::cout << fmt::format("bad workers: seed {}, {} s, hedge_after {}\n", seed, lasting.count(),
                           hedge_after)
            << std::flush;
  INFO("TANDEM_BAD_WORKERS_SEED=" << seed);
  auto arguments = settings(hedge_after);
  if (of_workers == Protocol::http2) {
    arguments.insert(arguments.end(), {"--service", "default:protocol=http2"});
  }
  Cluster cluster(arguments);
  FaultyWorkers workers(cluster.dir(), {cluster.control()}, workers_count);
  REQUIRE(eventually([&] { return are_up(cluster.workers()); }));

  MixedLoad load(cluster.listen(), clients, seed, of_clients);
  Faults faults(workers, seed);
  faults.inflict_for(lasting);
  load.stop();
  INFO(faults.story());
  std::cout << fmt::format(
                   "bad workers: {} idempotent requests answered, p50 {} ms, p99 {} ms, longest {} "
                   "ms; {} long answers broken off; {} failed; {} of {} POSTs answered 200\n",
                   load.answered(), load.quantile(0.5).count(), load.quantile(0.99).count(),
                   load.quantile(1).count(), load.broken(), load.failed(), load.posts_answered(),
                   load.posts())
            << std::flush;
  CHECK(load.first_failures() == "");
  CHECK(load.answered() > 0);
  CHECK(load.posts_answered() > 0);
  // All but one in a hundred need two workers at most.
  CHECK(load.quantile(0.99) <= 2 * (response_timeout + retry_backoff));
  CHECK(await_recovery(cluster) == "");
  CHECK(load.wrong_posts(workers.posts_executed()) == "");
}

}  // namespace

TEST_CASE("while a good worker exists no idempotent request fails, and no POST is executed twice") {
  rehearse("off");
}

TEST_CASE("no idempotent request of HTTP/2 fails at bad workers, and no POST is executed twice") {
  rehearse("off", Protocol::http2);
}

TEST_CASE("no idempotent request fails at bad workers that speak HTTP/2") {
  rehearse("off", Protocol::http1, Protocol::http2);
}

TEST_CASE("no idempotent request of HTTP/2 fails at bad workers that speak HTTP/2, hedged") {
  rehearse("100ms", Protocol::http2, Protocol::http2);
}

TEST_CASE("no idempotent request fails at bad workers when slow requests are hedged") {
  rehearse("100ms");
}

TEST_CASE("no idempotent request fails at bad workers when those that take longest are hedged") {
  rehearse("p95");
}

}  // namespace tandem::e2e::bad_workers_test
