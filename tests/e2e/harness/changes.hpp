// changes.hpp: operators who change workers, routes and settings at random, through any master, and
// the histories of the answers (tests/histories).
//
// They change added workers that do not exist, the weights of workers that serve, routes of their
// own, and the settings of unused services, so they disturb no traffic.
//
// Owner: the test's thread; the operators have threads of their own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/histories/linearizable.hpp"

namespace tandem::e2e {

class Changes {
 public:
  // `cluster` outlives it, and has a primary. `serving`: the names of its workers, whose weights
  // were not changed yet.
  Changes(const PairCluster& cluster, const std::vector<std::string>& serving, unsigned seed);
  ~Changes();

  void start();
  // Waits until `count` further changes were successful.
  bool await_more(unsigned count) const;
  // Returns when all requests have been answered or given up.
  void stop();

  // Asks each master, once all are in sync, for everything, and returns what is wrong: masters that
  // disagree, or a history that is not linearisable. Empty: nothing. REQUIRES: stop() was called
  std::string wrong();

 private:
  // A worker that comes and goes, one that stays, one that serves; a route; settings.
  enum class Kind { passing, staying, serving, route, settings };
  struct Thing {
    Kind kind;
    std::string name;
    test::History history;
  };
  struct Request {
    std::string method;
    std::string path;
    std::string body;
    std::string what;  // for the model, if it succeeds
  };

  void operate(unsigned number, unsigned seed);
  void ask(Thing& thing, const std::string& master, const Request& request);
  Request any_change(const Thing& thing, std::mt19937& random);
  void note(Thing& thing, test::Moment asked, std::string what, bool unknown = false);
  void note_answer(Thing& thing, test::Moment asked, const Request& request, const Answer& answer);
  void look(Thing& thing, const std::string& master);
  std::string await_in_sync() const;
  std::string disagreement() const;

  const PairCluster& cluster_;
  const unsigned seed_;
  unsigned starts_ = 0;
  std::mutex mutex_;  // guards the histories
  std::vector<Thing> things_;
  std::string unexpected_;
  std::atomic<unsigned> values_ = 0;  // no two changes set the same
  std::atomic<unsigned> made_ = 0;
  std::atomic<bool> stopping_ = false;
  test::Moment settled_ = 0;
  std::vector<std::thread> operators_;
};

}  // namespace tandem::e2e
