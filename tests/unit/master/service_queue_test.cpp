// Requests that wait for room at the workers of a service, and which of them a free place wakes.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "master/forward/workers/service.hpp"

namespace tandem::master::service_queue_test {
namespace {

// A service of one worker, and requests that look for `room` instead of a connection.
ServiceOptions queue_of(std::size_t requests) {
  ServiceOptions options;
  options.queue = requests;
  return options;
}

struct Line {
  Line()
      : service(io, wheel, "shop",
                {.policies = std::make_shared<PolicyFactory>(),
                 .options = queue_of(3),
                 .loops = 2,
                 .room_elsewhere = [this](unsigned requests) { offered += requests; }}) {
    show();
  }

  // A snapshot in which something of the service has changed.
  void show() {
    SnapshotService shown{"shop", {}};
    shown.workers.push_back(worker);
    shown.counters = counters;
    service.update(shown);
  }

  Detached wait(std::string name, ExcludedWorkers excluded = {}) {
    QueueEntry queued;
    for (;;) {
      if (queued.may_choose(service) && room > 0 && excluded.empty()) {
        --room;
        served.push_back(name);
        queued.served();
        co_return;
      }
      if (!queued.has_begun()) {
        if (queued.begin(service)) continue;
        refused.push_back(name);
        co_return;
      }
      auto waiting = queued.wait(10s, excluded);
      const auto outcome = co_await waiting;
      if (outcome != Service::QueueResult::room) {
        refused.push_back(name);
        co_return;
      }
      woken.push_back(name);
    }
  }

  // Until each request that was woken has had a turn.
  void turn() {
    io.release();
    io.run(5ms, [](Instant) {});
  }
  ~Line() {
    service.refuse_all();
    turn();
  }

  static std::shared_ptr<const SnapshotWorker> make_worker() {
    auto made = std::make_shared<SnapshotWorker>();
    made->id = WorkerId(1);
    made->name = "w1";
    made->address = {"127.0.0.1", 9001};
    made->weight = 100;
    made->connections = 1;
    made->counters = std::make_shared<WorkerCounters>();
    return made;
  }

  using Names = std::vector<std::string>;
  Reactor io;
  DeadlineWheel wheel{now()};
  std::shared_ptr<const SnapshotWorker> worker = make_worker();
  std::shared_ptr<ServiceCounters> counters = std::make_shared<ServiceCounters>();
  int offered = 0;
  Service service;
  int room = 0;
  Names served;
  Names woken;
  Names refused;
};

ExcludedWorkers at_that_worker() {
  ExcludedWorkers excluded;
  excluded.add(WorkerId(1));
  return excluded;
}

}  // namespace

TEST_CASE("room for one request wakes the one that waits longest, and no other") {
  Line line;
  line.wait("a");
  line.wait("b");
  line.wait("c");
  line.room = 1;
  line.service.wake_one();
  line.turn();
  CHECK(line.served == Line::Names{"a"});
  CHECK(line.woken == Line::Names{"a"});
}

TEST_CASE("a request that was woken and found no room keeps its place") {
  Line line;
  line.wait("a");
  line.wait("b");
  line.service.wake_one();
  line.turn();
  CHECK(line.woken == Line::Names{"a"});
  line.wait("c");
  line.room = 1;
  line.service.wake_one();
  line.turn();
  CHECK(line.served == Line::Names{"a"});
}

TEST_CASE("a snapshot does not change the order of those that wait") {
  Line line;
  for (const auto* name : {"a", "b", "c"}) line.wait(name);
  line.show();
  line.turn();
  CHECK(line.woken == Line::Names{"a"});  // it found no room: so would the others
  line.room = 3;
  line.show();
  line.turn();
  CHECK(line.served == Line::Names{"a", "b", "c"});
}

TEST_CASE("a request that comes while others are awake goes behind them") {
  Line line;
  line.wait("a");
  line.room = 1;
  line.service.wake_one();
  line.wait("b");  // before a has had its turn
  line.turn();
  CHECK(line.served == Line::Names{"a"});
}

TEST_CASE("room that the first cannot use goes to the next") {
  Line line;
  line.wait("a", at_that_worker());
  line.wait("b");
  line.wait("c");
  line.room = 1;
  line.service.wake_one();
  line.turn();
  CHECK(line.served == Line::Names{"b"});
  CHECK(line.woken == Line::Names{"a", "b"});
}

TEST_CASE("what exceeds the queue is refused, and a request that is awake counts") {
  Line line;
  for (const auto* name : {"a", "b", "c"}) line.wait(name);
  line.service.wake_one();
  line.wait("d");
  CHECK(line.refused == Line::Names{"d"});
}

TEST_CASE("loops take turns with room that both wait for") {
  Line line;
  line.wait("a");
  line.wait("b");
  line.counters->waiting += 2;  // on another loop
  line.room = 4;
  for (int ended = 0; ended < 4; ++ended) {
    line.service.room_made();
    line.turn();
  }
  CHECK(line.served == Line::Names{"a", "b"});
  CHECK(line.offered == 2);
  line.counters->waiting -= 2;
}

TEST_CASE("room is offered to other loops when nobody waits here") {
  Line line;
  line.counters->waiting += 1;
  line.service.room_made();
  CHECK(line.offered == 1);
  line.counters->waiting -= 1;
}

TEST_CASE("a service is in use while a request has it") {
  Line line;
  {
    ServiceUse use;
    CHECK(!line.service.in_use());
    use.begin(line.service);
    CHECK(line.service.in_use());
  }
  CHECK(!line.service.in_use());
}

}  // namespace tandem::master::service_queue_test
