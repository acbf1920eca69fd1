// Failures at random, on real processes, for many rounds: after each there is one primary, the
// histories of all changes are linearisable, the masters agree, no POST was executed twice or lost
// after its answer, and no worker executed for a primary that had been replaced.
//
//   TANDEM_CHAOS_ROUNDS=200 TANDEM_CHAOS_SEED=7 build/release/bin/e2e_chaos
//
// The seed, printed first, fixes what is inflicted and for how long, and what is changed; what the
// processes make of it is their own. Clients speak HTTP/1 and HTTP/2, and so do workers.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <random>
#include <thread>

#include "tests/e2e/harness/changes.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/posts.hpp"
#include "tests/e2e/harness/primary_watch.hpp"

namespace tandem::e2e::chaos_test {
namespace {

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

const std::vector<std::string> masters{"a", "b"};
const std::vector<std::string> workers{"w1", "w2", "w3"};
const std::string h2_worker = "w3";  // where members speak in clear

enum class Inside { clear, certificates };  // what members speak to each other

class Chaos {
 public:
  Chaos(unsigned seed, Inside inside, Network* network)
      : random_(seed), network_(network), cluster_(options(inside, network)) {
    cluster_.start_workers(workers);
    changes_.emplace(cluster_, workers, seed);
    term_ = cluster_.status(cluster_.await_primary()).term;
  }

  void round(int number) {
    primary_ = cluster_.await_primary();
    standby_ = cluster_.standby_of(primary_);
    const auto& failure = next_failure();
    const Milliseconds lasting(std::uniform_int_distribution<>(50, 2500)(random_));
    const auto what = fmt::format("round {}: {} for {} ms, primary {}, term {}", number,
                                  failure.name, lasting.count(), primary_, term_);
    std::cout << what << std::endl;
    INFO(what);

    const PrimaryWatch watch(cluster_);
    const std::vector<std::string> addresses{cluster_.listen("a"), cluster_.listen("b")};
    Posts posts(addresses, 2, fmt::format("r{}", number));
    Posts calls(addresses, 2, fmt::format("h{}", number), Protocol::http2);
    changes_->start();
    CHECK(changes_->await_more(5));
    failure.inflict();
    auto get = std::async(std::launch::async, [this] {
      return eventually(
          [&] { return tandem::e2e::get(cluster_.listen(standby_), "/").status == 200; });
    });
    std::this_thread::sleep_for(lasting);
    repair();
    CHECK(get.get());
    REQUIRE(cluster_.await_whole() == "");
    CHECK(changes_->await_more(5));
    changes_->stop();
    CHECK(posts.await_more(10));
    CHECK(calls.await_more(10));
    posts.stop();
    calls.stop();
    check(posts, calls);
    CHECK(watch.violation() == "");
    check_that_http2_was_spoken();
  }

 private:
  struct Failure {
    std::string name;
    std::function<void()> inflict;
  };

  static PairClusterOptions options(Inside inside, Network* network) {
    PairClusterOptions options;
    options.recording = true;
    options.network = network;
    options.certificates = inside == Inside::certificates;
    if (!options.certificates) options.speak_http2 = {h2_worker};
    return options;
  }

  template <class T>
  const T& choose(const std::vector<T>& list) {
    return list[std::uniform_int_distribution<std::size_t>(0, list.size() - 1)(random_)];
  }

  const std::vector<Failure>& failures() {
    if (failures_.empty()) {
      add_failures_of_processes();
      if (network_ != nullptr) add_failures_of_the_network();
    }
    return failures_;
  }

  // Each kind once, in any order, before one comes again.
  const Failure& next_failure() {
    if (to_come_.empty()) {
      for (const auto& failure : failures()) to_come_.push_back(&failure);
      std::shuffle(to_come_.begin(), to_come_.end(), random_);
    }
    const Failure* next = to_come_.back();
    to_come_.pop_back();
    return *next;
  }

  void kill(const std::string& name) { cluster_.master(name).kill9(); }
  void freeze(const std::string& name) { cluster_.freeze(name); }

  void add_failures_of_processes() {
    failures_.push_back({"kill the primary", [this] { kill(primary_); }});
    failures_.push_back({"kill the standby", [this] { kill(standby_); }});
    failures_.push_back({"kill both masters", [this] {
                           kill(primary_);
                           kill(standby_);
                         }});
    failures_.push_back({"freeze the primary", [this] { freeze(primary_); }});
    failures_.push_back({"freeze the standby", [this] { freeze(standby_); }});
    failures_.push_back({"freeze both masters", [this] {
                           freeze(primary_);
                           freeze(standby_);
                         }});
    failures_.push_back({"switch over", [this] { cluster_.tell(standby_, "/v1/switchover"); }});
    failures_.push_back({"end the primary", [this] {
                           cluster_.master(primary_).terminate();
                           if (!cluster_.master(primary_).await_exit()) FAIL("it did not end");
                         }});
    failures_.push_back({"kill a worker", [this] { cluster_.worker(choose(workers)).kill9(); }});
    failures_.push_back({"kill a worker and the primary", [this] {
                           cluster_.worker(choose(workers)).kill9();
                           kill(primary_);
                         }});
    failures_.push_back({"kill the standby, its disk is lost", [this] {
                           kill(standby_);
                           std::filesystem::remove_all(cluster_.data_dir(standby_));
                         }});
  }

  void add_failures_of_the_network() {
    const auto add = [this](const char* name, std::function<void()> inflict) {
      failures_.push_back({name, std::move(inflict)});
    };
    failures_.clear();  // those of processes have a test of their own
    add("cut primary and standby", [this] { network_->cut(primary_, standby_); });
    add("cut the primary from the workers", [this] {
      for (const auto& worker : workers) network_->cut(primary_, worker);
    });
    add("cut the primary from all", [this] { network_->cut_from_all(primary_); });
    add("cut the standby from all", [this] { network_->cut_from_all(standby_); });
    add("cut a worker from all", [this] { network_->cut_from_all(choose(workers)); });
    add("cut what the primary sends to the standby",
        [this] { network_->cut_one_way(primary_, standby_); });
    add("cut what the standby sends to the primary",
        [this] { network_->cut_one_way(standby_, primary_); });
    add("cut what the primary sends", [this] { one_way_from(primary_); });
    add("cut what the primary hears", [this] { one_way_to(primary_); });
    add("lose packets",
        [this] { network_->lose(std::uniform_real_distribution<>(0.05, 0.10)(random_)); });
    add("lose packets and kill the primary", [this] {
      network_->lose(0.05);
      kill(primary_);
    });
    add("cut the primary from all and kill a worker", [this] {
      network_->cut_from_all(primary_);
      cluster_.worker(choose(workers)).kill9();
    });
  }

  void one_way_from(const std::string& host) {
    network_->cut_one_way(host, cluster_.standby_of(host));
    for (const auto& worker : workers) network_->cut_one_way(host, worker);
  }
  void one_way_to(const std::string& host) {
    network_->cut_one_way(cluster_.standby_of(host), host);
    for (const auto& worker : workers) network_->cut_one_way(worker, host);
  }

  void repair() {
    if (network_ != nullptr) network_->heal();
    for (const auto& name : masters) {
      cluster_.thaw(name);
      if (!cluster_.master(name).running()) cluster_.launch_master(name);
    }
    for (const auto& name : masters) cluster_.master(name).await_line("tandem-master ready");
    for (const auto& name : workers)
      if (!cluster_.worker(name).running()) cluster_.start_worker(name);
  }

  void check(const Posts& posts, const Posts& calls) {
    const auto primary = cluster_.await_primary();
    const auto status = cluster_.status(primary);
    CHECK(status.term >= term_);
    if (primary != primary_) CHECK(status.term > term_);
    term_ = status.term;
    REQUIRE(changes_->wrong() == "");
    CHECK(posts.wrong(cluster_.posts_executed()) == "");
    CHECK(calls.wrong(cluster_.posts_executed()) == "");
    CHECK(cluster_.first_stale_execution() == "");
  }

  void check_that_http2_was_spoken() {
    if (cluster_.options().speak_http2.empty()) return;
    const auto executed = cluster_.executions();
    CHECK_FALSE(executed.at(h2_worker).empty());
  }

  std::mt19937 random_;
  Network* network_;
  PairCluster cluster_;
  std::vector<Failure> failures_;
  std::vector<const Failure*> to_come_;
  std::string primary_;
  std::string standby_;
  std::uint64_t term_ = 0;
  std::optional<Changes> changes_;
};

unsigned seed() { return from_environment("TANDEM_CHAOS_SEED", 1); }

void rehearse(unsigned usual_rounds, Inside inside, Network* network) {
  const auto rounds = from_environment("TANDEM_CHAOS_ROUNDS", usual_rounds);
  std::cout << "chaos: seed " << seed() << ", " << rounds << " rounds" << std::endl;
  INFO("TANDEM_CHAOS_SEED=" << seed());
  Chaos chaos(seed(), inside, network);
  for (unsigned i = 1; i <= rounds; ++i) chaos.round(static_cast<int>(i));
}

}  // namespace

TEST_CASE("a cluster survives processes that die, freeze and return at random") {
  rehearse(11, Inside::clear, nullptr);
}

TEST_CASE("a cluster with certificates survives processes that die, freeze and return at random") {
  rehearse(11, Inside::certificates, nullptr);
}

TEST_CASE("a cluster survives a network that is cut and loses packets at random") {
  if (const auto why = Network::why_not_permitted(); !why.empty()) {
    WARN("skipped: " << why);
    return;
  }
  auto hosts = masters;
  hosts.insert(hosts.end(), workers.begin(), workers.end());
  Network network(hosts, seed());
  rehearse(12, Inside::clear, &network);
}

}  // namespace tandem::e2e::chaos_test
