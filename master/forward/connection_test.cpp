#include "master/forward/connection_test.hpp"

#include "common/base/own_trouble.hpp"
#include "master/forward/loop.hpp"

namespace tandem::master {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}

void suspect(Loop& loop, const Upstream& upstream, FailureKind kind) {
  const bool was_suspect = upstream.counters().suspect.exchange(true, relaxed);
  if (!was_suspect) loop.options().report_failure(upstream.worker().id, kind);
}

void ConnectionTest::begin(Loop& loop, std::shared_ptr<Upstream> upstream, Duration patience) {
  auto& counters = upstream->counters();
  if (counters.suspect.load(relaxed) || counters.down.load(relaxed)) return;
  if (counters.tested.exchange(true, relaxed)) return;
  run(std::unique_ptr<ConnectionTest>(new ConnectionTest(loop, std::move(upstream), patience)));
}

ConnectionTest::ConnectionTest(Loop& loop, std::shared_ptr<Upstream> upstream, Duration patience)
    : loop_(loop), upstream_(std::move(upstream)), socket_(loop.io()) {
  deadline_.on_expiry([](void* self) { static_cast<ConnectionTest*>(self)->socket_.cancel(); },
                      this);
  loop_.arm(deadline_, patience);
  loop_.adopt(*this);
}

ConnectionTest::~ConnectionTest() {
  loop_.forget(*this);
  upstream_->counters().tested.store(false, relaxed);
}

Detached ConnectionTest::run(std::unique_ptr<ConnectionTest> test) {
  auto& self = *test;
  auto connecting = connect(self.socket_, self.upstream_->endpoint());
  const IoResult connected = co_await connecting;
  if (connected.ok() || !self.socket_.is_open() || is_own_trouble(connected.error.value()))
    co_return;
  const bool late = self.deadline_.expired();
  suspect(self.loop_, *self.upstream_, late ? FailureKind::timed_out : FailureKind::refused);
}

}  // namespace tandem::master
