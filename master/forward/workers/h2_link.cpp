#include "master/forward/workers/h2_link.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "common/http/stream_socket.hpp"
#include "common/http1/limits.hpp"
#include "master/forward/workers/h2_call.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

namespace {
WorkerStream* stream_of(h2::Stream& stream) { return static_cast<WorkerStream*>(stream.user); }
}  // namespace

WorkerLink::WorkerLink(const WorkerIo& io, const TcpEndpoint& worker,
                       std::shared_ptr<const tandem::tls::WorkerTls> tls)
    : H2Link(io.io, io.buffers),
      worker_io_(io),
      wheel_(io.wheel),
      worker_(worker),
      tls_(std::move(tls)),
      connection_(io.io),
      session_(h2::Role::client, io.http2_memory, *this),
      wake_writer_(io.io),
      idle_since_(io.wheel.coarse_now()) {
  quiet_.on_expiry([](void* self) { static_cast<WorkerLink*>(self)->look_whether_quiet(); }, this);
  outdated_.on_expiry([](void* self) { static_cast<WorkerLink*>(self)->retire(); }, this);
}

WorkerLink::~WorkerLink() { TANDEM_ASSERT(ended_ && waiting_.empty()); }

std::shared_ptr<WorkerLink> WorkerLink::begin(const WorkerIo& io, const TcpEndpoint& worker,
                                              std::shared_ptr<const tandem::tls::WorkerTls> tls) {
  auto link = std::make_shared<WorkerLink>(io, worker, std::move(tls));
  run(link);
  return link;
}

Detached WorkerLink::run(std::shared_ptr<WorkerLink> link) {
  auto& self = *link;
  auto connecting = connect(self.connection_.socket(), self.worker_);
  IoResult connected = co_await connecting;
  // Only a connection that was accepted can be reset.
  self.turned_away_ = connected.error == asio::error::connection_reset;
  if (connected.ok() && !self.ended_ && self.tls_ != nullptr) {
    auto securing =
        secure_connection(self.connection_, self.tls_, numeric_text(self.worker_.address()),
                          tandem::tls::WorkerTls::Speaks::http2, self.buffers());
    connected = co_await securing;
    if (connected.ok() && !self.ended_) self.last_as_long_as_its_certificate();
  }
  if (connected.ok() && !self.ended_) {
    self.connection_.socket().notice_dead_host();
    write_all_out(link);
    self.want_send();
    auto reading = self.read_all();
    co_await reading;
    if (!self.ended_) {
      self.turned_away_ = self.is_unused();
      self.closed_idle_ = self.silent_since_idle_;
    }
  }
  const bool has_failed = !self.ended_ && self.session_.has_failed();
  self.end(connected.error);
  if (has_failed) {
    auto lingering = self.linger();
    co_await lingering;
  }
  self.connection_.close();
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
    silent_since_idle_ = false;
    session_.feed(in.view(), now());
    in.release();
    if (session_.has_failed()) leave();
    want_send();
  }
}

// No call begins here any more, and it ends soon: it is about to be told why, or can be told
// nothing.
void WorkerLink::leave() {
  if (std::exchange(leaves_, true)) return;
  wheel_.arm(quiet_, limits::linger_max);
}

// A close with unread bytes resets the connection, and the worker may lose what it was told.
Task<> WorkerLink::linger() {
  leaves_ = true;
  wheel_.arm(quiet_, limits::linger_max);
  Buffer in;
  for (std::size_t thrown_away = 0; thrown_away < limits::worker_linger_bytes_max;) {
    auto reading = read_some(connection_, in, buffers());
    const IoResult got = co_await reading;
    if (!got.ok()) break;
    thrown_away += got.bytes;
    in.release();
  }
  quiet_.disarm();
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
    if (!written) {
      // What it said before it closed the connection can still be read: an answer, or that it has
      // processed nothing (GOAWAY). Who reads ends it then.
      self.leave();
      co_return;
    }
    if (self.leaves_) self.connection_.shutdown_send();
    // Who reads ends it.
    if (self.session_.is_finished()) self.connection_.cancel();
  }
}

// All that the session has to send now. False: the worker takes no more.
Task<bool> WorkerLink::write_out() {
  while (!ended_ && (session_.has_output() || ask_about_resets() || says_farewell())) {
    Buffer out = buffers().borrow();
    session_.pull(out);
    if (ask_about_resets()) session_.pull(out);
    if (out.empty()) break;
    auto writing = write_all(connection_, out.view());
    const IoResult wrote = co_await writing;
    if (!wrote.ok()) co_return false;
  }
  co_return true;
}

// A PING overtakes in the session what was submitted before it: it is behind resets only when they
// have been taken out. True: there is one now.
bool WorkerLink::ask_about_resets() {
  if (!cancelled_.lacks_ping() || session_.has_output() || session_.is_ping_unanswered() ||
      !pings_.may_ping_for_reset()) {
    return false;
  }
  cancelled_.note_ping();
  ping();
  return session_.has_output();
}

// It was retired, and the last of its calls has ended. True: there is something to say now.
bool WorkerLink::says_farewell() {
  if (!retired_ || leaves_ || session_.open_streams() > 0) return false;
  session_.begin_drain();
  leave();
  return session_.has_output();
}

void WorkerLink::end(ErrorCodeOs why) {
  if (ended_) return;
  ended_ = true;
  failure_ = why ? why : ErrorCodeOs(asio::error::connection_reset);
  quiet_.disarm();
  outdated_.disarm();
  session_.abandon();
  cancelled_.free_all();
  resume_waiters();
  wake_writer_.set();
}

void WorkerLink::close() {
  end({});
  connection_.close();
}

void WorkerLink::retire() {
  if (ended_) return;
  retired_ = true;
  if (!ready_ || is_unused()) return close();
  want_send();
}

void WorkerLink::last_as_long_as_its_certificate() {
  const auto left = tandem::tls::WorkerTls::time_left(connection_.tls()->ssl());
  wheel_.arm(outdated_, std::max(left, Duration::zero()));
}

// ---- whether it is there

void WorkerLink::on_settings() {
  if (ready_) return;
  ready_ = true;
  quiet_.disarm();
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
  // Others may have more time. That nothing comes of it must be seen all the same: calls with less
  // time than a connection may take would never find out that the worker is frozen.
  if (!link_.ready_) link_.watch();
}

void WorkerLink::note_opened(const h2::Stream& stream) {
  shared_ = !is_unused();
  if (shared_ && session_.open_streams() == 1) silent_since_idle_ = true;
  newest_ = stream.id();
  watch();
}

void WorkerLink::keep_place(std::shared_ptr<Upstream> upstream) {
  cancelled_.add(std::move(upstream), newest_, wheel_.coarse_now());
  watch();
  want_send();
}

void WorkerLink::watch() {
  if (quiet_.armed()) return;
  heard_ = false;
  wheel_.arm(quiet_, worker_io_.quiet);
}

void WorkerLink::look_whether_quiet() {
  if (leaves_) return close();
  if (!ready_) {
    end(asio::error::timed_out);
    return connection_.close();
  }
  const auto at = wheel_.coarse_now();
  const bool is_asked = session_.is_asked();
  if (session_.open_streams() == 0 && cancelled_.empty() && !is_asked) return;
  const bool is_quiet = !std::exchange(heard_, false);
  // It may have been asked behind a reset, a moment ago.
  if (is_quiet && is_asked && at - asked_at_ >= worker_io_.quiet) return close();
  cancelled_.free_before(at - worker_io_.quiet);
  if (is_quiet && !is_asked && session_.open_streams() > 0) {
    if (pings_.may_ping()) {
      ping();
    } else {
      session_.ask_by_settings();
      asked_at_ = at;
    }
    want_send();
  }
  wheel_.arm(quiet_, worker_io_.quiet);
}

// Behind a reset it asks no less whether the worker is there than after a silence.
void WorkerLink::ping() {
  session_.ping();
  pings_.note_ping();
  asked_at_ = wheel_.coarse_now();
}

// It was asked whether it is there, and could have answered.
bool WorkerLink::is_in_doubt() const {
  return session_.is_asked() && asked_at_ != Instant::never() &&
         wheel_.coarse_now() - asked_at_ >= worker_io_.quiet / 4;
}

void WorkerLink::on_ping_answered() {
  cancelled_.note_ping_answered();
  if (cancelled_.lacks_ping()) want_send();
}

// A part of an answer.
void WorkerLink::note_said(const h2::Stream& stream) {
  pings_.note_answer(session_.is_ping_unanswered());
  if (!cancelled_.empty()) cancelled_.note_answer(stream.id());
}

// ---- what the session tells

void WorkerLink::on_head(h2::Stream& stream, h2::PooledHead head, bool ends) {
  note_said(stream);
  stream_of(stream)->on_head(*head, ends);
}

void WorkerLink::on_interim(h2::Stream& stream, h2::PooledHead head) {
  note_said(stream);
  stream_of(stream)->on_head(*head, false);
}

void WorkerLink::on_content(h2::Stream& stream, std::string_view bytes) {
  note_said(stream);
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
