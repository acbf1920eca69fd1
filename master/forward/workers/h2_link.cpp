#include "master/forward/workers/h2_link.hpp"

#include "common/base/clock.hpp"
#include "master/forward/workers/h2_call.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

namespace {
WorkerStream* stream_of(h2::Stream& stream) { return static_cast<WorkerStream*>(stream.user); }
}  // namespace

WorkerLink::WorkerLink(const WorkerIo& io, const TcpEndpoint& worker)
    : H2Link(io.io, io.buffers),
      worker_io_(io),
      wheel_(io.wheel),
      worker_(worker),
      connection_(io.io),
      session_(h2::Role::client, io.http2_memory, *this),
      wake_writer_(io.io),
      idle_since_(io.wheel.coarse_now()) {
  quiet_.on_expiry([](void* self) { static_cast<WorkerLink*>(self)->look_whether_quiet(); }, this);
}

WorkerLink::~WorkerLink() { TANDEM_ASSERT(ended_ && waiting_.empty()); }

std::shared_ptr<WorkerLink> WorkerLink::begin(const WorkerIo& io, const TcpEndpoint& worker) {
  auto link = std::make_shared<WorkerLink>(io, worker);
  run(link);
  return link;
}

Detached WorkerLink::run(std::shared_ptr<WorkerLink> link) {
  auto& self = *link;
  auto connecting = connect(self.connection_.socket(), self.worker_);
  const IoResult connected = co_await connecting;
  if (connected.ok() && !self.ended_) {
    write_all_out(link);
    self.want_send();
    auto reading = self.read_all();
    co_await reading;
  }
  self.end(connected.error);
}

// Until the connection has ended, for whatever reason.
Task<> WorkerLink::read_all() {
  Buffer in;
  while (!ended_ && !session_.is_finished()) {
    auto reading = read_some(connection_, in, buffers());
    const IoResult got = co_await reading;
    if (!got.ok()) co_return;
    in.commit(got.bytes);
    heard_ = true;
    session_.feed(in.view(), now());
    in.release();
    want_send();
  }
}

Detached WorkerLink::write_all_out(std::shared_ptr<WorkerLink> link) {
  auto& self = *link;
  while (!self.ended_) {
    co_await self.wake_writer_;
    // What other calls have to say in this turn leaves in the same system call.
    Yield others(self.io());
    co_await others;
    auto writing = self.write_out();
    const bool written = co_await writing;
    // Who reads ends it.
    if (!written || self.session_.is_finished()) self.connection_.cancel();
  }
}

// All that the session has to send now. False: the worker takes no more.
Task<bool> WorkerLink::write_out() {
  while (!ended_ && session_.has_output()) {
    Buffer out = buffers().borrow();
    session_.pull(out);
    if (out.empty()) break;
    auto writing = write_all(connection_, out.view());
    const IoResult wrote = co_await writing;
    if (!wrote.ok()) co_return false;
  }
  co_return true;
}

void WorkerLink::end(ErrorCodeOs why) {
  if (ended_) return;
  ended_ = true;
  failure_ = why ? why : ErrorCodeOs(asio::error::connection_reset);
  quiet_.disarm();
  connection_.close();
  session_.abandon();
  resume_waiters();
  wake_writer_.set();
}

void WorkerLink::close() { end({}); }

void WorkerLink::retire() {
  if (ended_) return;
  if (!ready_ || session_.open_streams() == 0) return close();
  session_.begin_drain();
  want_send();
}

// ---- whether it is there

void WorkerLink::on_settings() {
  if (ready_) return;
  ready_ = true;
  resume_waiters();
}

void WorkerLink::resume_waiters() {
  waiting_.for_each([](Readiness& each) { each.resume(); });
}

void WorkerLink::Readiness::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  link_.waiting_.push_front(*this);
}

void WorkerLink::Readiness::resume() {
  link_.waiting_.remove(*this);
  link_.io().resume_later(std::exchange(waiter_, nullptr));
}

IoResult WorkerLink::Readiness::await_resume() const {
  if (cancelled_) return {.error = asio::error::operation_aborted};
  if (link_.ended_) return {.error = link_.failure_};
  return {};
}

void WorkerLink::Readiness::cancel() {
  if (!waiter_) return;
  cancelled_ = true;
  resume();
  // Nobody waits for it any more, and so nobody watches the time.
  if (!link_.ready_ && link_.waiting_.empty()) link_.close();
}

void WorkerLink::note_opened() {
  if (quiet_.armed()) return;
  heard_ = true;
  wheel_.arm(quiet_, limits::http2_quiet_max);
}

void WorkerLink::look_whether_quiet() {
  if (session_.open_streams() == 0) return;
  if (!std::exchange(heard_, false)) {
    if (session_.is_ping_unanswered()) return close();
    session_.ping();
    want_send();
  }
  wheel_.arm(quiet_, limits::http2_quiet_max);
}

// ---- what the session tells

void WorkerLink::on_head(h2::Stream& stream, h2::PooledHead head, bool ends) {
  stream_of(stream)->on_head(*head, ends);
}

void WorkerLink::on_interim(h2::Stream& stream, h2::PooledHead head) {
  stream_of(stream)->on_head(*head, false);
}

void WorkerLink::on_content(h2::Stream& stream, std::string_view bytes) {
  stream_of(stream)->on_content(bytes);
}

void WorkerLink::on_trailers(h2::Stream& stream, h2::PooledHead trailers) {
  stream_of(stream)->on_trailers(*trailers);
}

void WorkerLink::on_end(h2::Stream& stream) { stream_of(stream)->on_end(); }
void WorkerLink::on_sent(h2::Stream& stream) { stream_of(stream)->on_sent(); }

void WorkerLink::on_closed(h2::Stream& stream, const h2::Closure& closure) {
  stream_of(stream)->on_closed(stream, closure);
  if (session_.open_streams() == 0) idle_since_ = wheel_.coarse_now();
}

}  // namespace tandem::master
