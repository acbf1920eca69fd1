#include "master/forward/workers/connection_tests.hpp"

#include "common/base/own_trouble.hpp"
#include "common/base/relaxed.hpp"

namespace tandem::master {

class ConnectionTests::Test : public IntrusiveListMember<Test> {
 public:
  Test(ConnectionTests& owner, std::shared_ptr<Upstream> tested, Duration patience)
      : tests(owner), upstream(std::move(tested)), socket(owner.reactor_) {
    deadline.on_expiry([](void* self) { static_cast<Test*>(self)->socket.cancel(); }, this);
    tests.wheel_.arm(deadline, patience);
    tests.tests_.push_front(*this);
  }
  ~Test() {
    tests.tests_.remove(*this);
    upstream->counters().tested.store(false, relaxed);
  }

  ConnectionTests& tests;
  const std::shared_ptr<Upstream> upstream;
  Socket socket;
  Deadline deadline;
};

ConnectionTests::ConnectionTests(Reactor& reactor, DeadlineWheel& wheel, Report report)
    : reactor_(reactor), wheel_(wheel), report_(std::move(report)) {}

void ConnectionTests::suspect(const Upstream& upstream, FailureKind kind) {
  const bool was_suspect = upstream.counters().suspect.exchange(true, relaxed);
  if (!was_suspect) report_(upstream.worker().id, kind);
}

void ConnectionTests::begin(std::shared_ptr<Upstream> upstream, Duration patience) {
  auto& counters = upstream->counters();
  if (counters.suspect.load(relaxed) || counters.down.load(relaxed)) return;
  if (counters.tested.exchange(true, relaxed)) return;
  run(std::make_unique<Test>(*this, std::move(upstream), patience));
}

void ConnectionTests::abort() {
  tests_.for_each([](Test& test) { test.socket.close(); });
}

Detached ConnectionTests::run(std::unique_ptr<Test> test) {
  auto& self = *test;
  auto connecting = connect(self.socket, self.upstream->endpoint());
  const IoResult connected = co_await connecting;
  if (connected.ok() || !self.socket.is_open() || is_own_trouble(connected.error.value())) {
    co_return;
  }
  const bool late = self.deadline.expired();
  self.tests.suspect(*self.upstream, late ? FailureKind::timed_out : FailureKind::refused);
}

}  // namespace tandem::master
