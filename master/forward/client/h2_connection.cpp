#include "master/forward/client/h2_connection.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "master/forward/client/clients.hpp"
#include "master/forward/client/h2_request.hpp"
#include "master/forward/client/limits.hpp"

namespace tandem::master {

H2Connection::H2Connection(Context& context, ByteStream& connection, const Sender& client)
    : H2Link(context.io(), context.buffers()),
      context_(context),
      connection_(connection),
      client_(client),
      session_(h2::Role::server, context.stream_memory().http2(), *this),
      wake_writer_(context.io()),
      wake_reader_(context.io()),
      progress_(context.timeouts().body_idle, context.timeouts().pace),
      idle_since_(context.coarse_now()) {
  idle_.on_expiry([](void* self) { static_cast<H2Connection*>(self)->stay_idle(); }, this);
  head_.on_expiry([](void* self) { static_cast<H2Connection*>(self)->give_head_up(); }, this);
  drain_ping_.on_expiry([](void* self) { static_cast<H2Connection*>(self)->finish_drain(); }, this);
  stalled_.on_expiry([](void* self) { static_cast<H2Connection*>(self)->look_at_client(); }, this);
}

H2Connection::~H2Connection() { TANDEM_ASSERT(requests_.empty()); }

Task<> H2Connection::run(Buffer& in) {
  write_all_out();
  auto reading = read_all(in);
  co_await reading;
  lost_ = true;
  idle_.disarm();
  head_.disarm();
  drain_ping_.disarm();
  session_.abandon();
  while (!requests_.empty()) co_await wake_reader_;
  ending_ = true;
  wake_writer_.set();
  co_await writer_ended_;
}

// ---- reading

// Until the connection has ended, for whatever reason.
Task<> H2Connection::read_all(Buffer& in) {
  while (!lost_) {
    if (!in.empty()) {
      fed_at_ = now();
      session_.feed(in.view(), fed_at_);
      in.clear();
      watch_head();
      want_send();
    }
    if (session_.is_finished()) co_return;
    if (!session_.wants_input()) {
      co_await wake_reader_;
      continue;
    }
    in.release();
    if (requests_.empty()) fall_idle();
    auto reading = read_some(connection_, in, context_.buffers());
    const IoResult got = co_await reading;
    if (!got.ok()) co_return;
    in.commit(got.bytes);
  }
}

// Whatever else the connection does: until its end nothing else can arrive.
void H2Connection::watch_head() {
  if (!session_.is_reading_head()) return head_.disarm();
  if (!head_.armed()) context_.arm(head_, context_.timeouts().header_read);
}

void H2Connection::give_head_up() {
  session_.terminate(h2::ErrorCode::enhance_your_calm);
  want_send();
}

// No request is being served. Frames that ask for nothing do not make the time longer.
void H2Connection::fall_idle() {
  if (lost_) return wake_reader_.set();
  if (settled_) session_.give_back_memory();
  if (idle_.armed()) return;
  idle_since_ = context_.coarse_now();
  const auto settling = Duration(limits::http2_settling);
  context_.arm(idle_, std::min(settling, context_.timeouts().client_idle));
}

// First its memory goes, which costs a system call that a request which follows soon would pay for;
// then the connection.
void H2Connection::stay_idle() {
  const auto idle_for = context_.coarse_now() - idle_since_;
  if (settled_ || idle_for >= context_.timeouts().client_idle) return leave();
  settled_ = true;
  session_.give_back_memory();
  context_.arm(idle_, context_.timeouts().client_idle - idle_for);
}

bool H2Connection::is_idle_since(Instant since) const {
  return requests_.empty() && idle_since_ <= since;
}

void H2Connection::drain() {
  if (session_.is_draining() || lost_) return;
  session_.begin_drain();
  context_.arm(drain_ping_, limits::http2_drain_ping_max);
  want_send();
}

void H2Connection::finish_drain() {
  session_.finish_drain();
  want_send();
}

void H2Connection::leave() {
  session_.terminate(h2::ErrorCode::no_error);
  want_send();
}

void H2Connection::abort() {
  lost_ = true;
  requests_.for_each([](Request& request) {
    request.cancel();
    if (request.exchange != nullptr) request.exchange->abort();
  });
  wake_reader_.set();
}

// ---- writing

Detached H2Connection::write_all_out() {
  while (!ending_) {
    co_await wake_writer_;
    // What other streams have to say in this turn leaves in the same call.
    Yield others(context_.io());
    co_await others;
    auto writing = write_out();
    const bool written = co_await writing;
    if (!written) lost_ = true;
    if (lost_ || session_.is_finished()) connection_.cancel();
    wake_reader_.set();
  }
  writer_ended_.set();
}

// All that the session has to send now. False: the client takes no more.
Task<bool> H2Connection::write_out() {
  while (!lost_ && session_.has_output()) {
    Buffer out = context_.buffers().borrow();
    session_.pull(out);
    wake_pulled();
    if (out.empty()) break;
    auto writing = write_all(connection_, out.view());
    if (!writing.done()) {
      progress_.wait(context_.coarse_now());
      context_.arm(stalled_, progress_.next_look());
    }
    const IoResult wrote = co_await writing;
    if (stalled_.armed()) progress_.end(context_.coarse_now());
    stalled_.disarm();
    if (!wrote.ok()) co_return false;
  }
  wake_pulled();
  co_return true;
}

void H2Connection::look_at_client() {
  const auto at = context_.coarse_now();
  if (progress_.look(at, connection_.acknowledged_bytes())) {
    context_.arm(stalled_, progress_.next_look());
  } else {
    lost_ = true;
    connection_.cancel();
  }
}

// ---- what the session tells

void H2Connection::on_head(h2::Stream& stream, h2::PooledHead head, bool ends) {
  idle_.disarm();
  settled_ = false;
  serve(stream, std::move(head), ends);
}

void H2Connection::on_content(h2::Stream& stream, std::string_view bytes) {
  if (auto* request = static_cast<Request*>(static_cast<H2Stream*>(stream.user))) {
    request->note_content();
    request->on_content(bytes);
  }
}

void H2Connection::on_trailers(h2::Stream& stream, h2::PooledHead trailers) {
  if (auto* request = static_cast<H2Stream*>(stream.user)) request->on_trailers(*trailers);
}

void H2Connection::on_end(h2::Stream& stream) {
  if (auto* request = static_cast<H2Stream*>(stream.user)) request->on_end();
}

void H2Connection::on_sent(h2::Stream& stream) {
  if (auto* request = static_cast<H2Stream*>(stream.user)) request->on_sent();
}

void H2Connection::on_closed(h2::Stream& stream, const h2::Closure& closure) {
  auto* const request = static_cast<Request*>(static_cast<H2Stream*>(stream.user));
  if (request != nullptr) {
    request->on_closed(stream, closure);
    if (std::exchange(request->awaits_pull, false)) request->woken.set();
    if (request->is_gone(false) && request->exchange != nullptr) request->exchange->abort();
  }
}

}  // namespace tandem::master
