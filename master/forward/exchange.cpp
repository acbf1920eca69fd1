#include "master/forward/exchange.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "master/forward/head_writer.hpp"
#include "master/forward/max_forwards.hpp"
#include "master/forward/via.hpp"

namespace tandem::master {

Exchange::Exchange(Loop& loop, Socket& client, std::string_view client_address, bool client_trusted,
                   Buffer& in, RequestHead& request)
    : loop_(loop), client_{client, client_address, client_trusted, in, request, {}, false, {}} {
  deadline_.on_expiry(
      [](void* context) {
        auto& exchange = *static_cast<Exchange*>(context);
        ErrorCodeOs ignored;
        exchange.client_.socket.cancel(ignored);
        if (exchange.connecting_ != nullptr) exchange.connecting_->cancel(ignored);
      },
      this);
}

std::string_view Exchange::request_id() const {
  const auto sent =
      client_.request.request_id();  // not client_.request_id: the head may have moved
  return sent.empty() && !client_.request_id.empty()
             ? std::string_view(made_id_.data(), made_id_.size())
             : sent;
}

void Exchange::abort() {
  aborted_ = true;
  if (connecting_ != nullptr) close_socket(*connecting_);
  if (attempt_) attempt_->abort();
}

Task<Ending> Exchange::run() {
  LoopCounters::add(loop_.counters().requests, 1);
  if (is_too_large()) {
    client_.streaming = true;  // its body is not going to be read
    auto answering =
        answer(413, "body_too_large", "The request body is over the configured limit.");
    co_return co_await answering;
  }
  auto gathering = gather_body();
  const bool gathered = co_await gathering;
  if (!gathered) {
    if (aborted_ || !deadline_.expired()) co_return Ending::close;
    auto answering = answer(408, "request_timeout", "The request body did not arrive in time.");
    co_return co_await answering;
  }
  if (client_.request.max_forwards() == 0u) {
    auto answering = answer_as_final_recipient();
    co_return co_await answering;
  }
  if (has_come_round()) {
    auto answering =
        answer(508, "loop_detected", "The request has come through this gateway before.");
    co_return co_await answering;
  }
  client_.request_id = client_.request.request_id();
  if (client_.request_id.empty()) {
    made_id_ = loop_.request_ids().next();
    client_.request_id = {made_id_.data(), made_id_.size()};
  }
  client_.note.service = loop_.options().default_service;
  service_ = loop_.find_service(loop_.options().default_service);
  auto trying = try_workers();
  const auto outcome = co_await trying;
  if (aborted_) co_return Ending::abort;
  if (outcome != Attempt::Outcome::answered) {
    auto answering = answer_failure(outcome);
    co_return co_await answering;
  }
  // A streamed body has taken itself out of `in`; a gathered one lies behind the head.
  client_.in.consume(client_.request.head_bytes() + client_.body.size());
  co_return ending_;
}

bool Exchange::is_too_large() const {
  const auto allowed = loop_.options().body_bytes_max;
  return allowed > 0 && client_.request.has_content_length() &&
         client_.request.content_length() > allowed;
}

// RFC 9110 §7.6.3 and RFC 5842 §7.2
bool Exchange::has_come_round() const {
  if (!client_.request.has_via()) return false;
  const auto& fields = client_.request.fields();
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
    return field.kind == FieldKind::via && via_names(field.value, loop_.options().via);
  });
}

Task<bool> Exchange::gather_body() {
  const auto& request = client_.request;
  if (request.framing() == Framing::none) co_return true;
  // One that waits for 100 Continue waits for the worker to say so.
  client_.streaming = request.framing() != Framing::length || request.expects_continue() ||
                      request.content_length() > limits::replay_bytes_max;
  if (client_.streaming) co_return true;
  const auto whole = request.head_bytes() + static_cast<std::size_t>(request.content_length());
  if (client_.in.capacity() < whole) {
    client_.in.grow(whole);
    client_.request.parse_moved(client_.in.view());
  }
  while (client_.in.size() < whole) {
    if (client_.in.free_size() == 0) {
      client_.in.compact();
      client_.request.parse_moved(client_.in.view());
    }
    loop_.arm(deadline_, loop_.timeouts().body_idle);
    auto reading = read_some(client_.socket, client_.in);
    const IoResult got = co_await reading;
    if (!got.ok()) co_return false;
    client_.in.commit(got.bytes);
  }
  deadline_.disarm();
  client_.body = client_.in.view().substr(request.head_bytes(), whole - request.head_bytes());
  co_return true;
}

Task<std::shared_ptr<Upstream>> Exchange::choose() {
  if (service_ == nullptr) co_return nullptr;
  auto left = loop_.timeouts().queue_wait;
  for (bool waited = false; !aborted_; waited = true) {
    // Who comes new does not overtake who waits.
    if (waited || !service_->has_waiters()) {
      if (auto upstream = service_->pick(tried_)) co_return upstream;
    }
    was_full_ = service_->is_full(tried_);
    if (!was_full_) break;
    loop_.want_room(*service_);
    const auto since = now();
    auto waiting = service_->wait_for_room(left, waited);
    const auto outcome = co_await waiting;
    left -= std::min(left, now() - since);
    if (outcome != Service::Waited::room) break;
  }
  co_return nullptr;
}

Task<UpstreamConnectionPtr> Exchange::connect_to(std::shared_ptr<Upstream> upstream) {
  // A request that may be sent twice finds out by itself that a connection has been closed. Others
  // look first, for they cannot know afterwards whether they were executed.
  const bool look = distrust_idle_ || client_.streaming || !client_.request.is_idempotent();
  while (auto idle = upstream->take_idle()) {
    if (!look || is_quiet(idle->socket())) co_return idle;
  }
  auto fresh = upstream->open(loop_.io());
  if (!fresh) co_return nullptr;  // another loop was quicker: choose again
  connecting_ = &fresh->socket();
  loop_.arm(deadline_, loop_.timeouts().connect);
  auto connecting = connect(fresh->socket(), upstream->endpoint());
  const IoResult connected = co_await connecting;
  connecting_ = nullptr;
  const auto kind = deadline_.expired() ? FailureKind::timed_out : FailureKind::refused;
  deadline_.disarm();
  if (connected.ok()) {
    ErrorCodeOs ignored;
    fresh->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return fresh;
  }
  fresh.reset();
  if (!aborted_) suspect(*upstream, kind);
  loop_.room_made(*service_);
  co_return nullptr;
}

Task<Attempt::Outcome> Exchange::try_workers() {
  auto last = Attempt::Outcome::not_sent;
  for (unsigned tries = 0; !aborted_;) {
    auto choosing = choose();
    const auto upstream = co_await choosing;
    if (!upstream) break;
    ++client_.note.attempts;
    client_.note.set_worker(upstream->worker().name);
    auto connecting = connect_to(upstream);
    auto connection = co_await connecting;
    if (!connection) continue;
    attempt_.emplace(loop_, client_, *service_, std::move(connection));
    auto attempting = attempt_->run();
    last = co_await attempting;
    ending_ = attempt_->ending();
    passed_on_ = attempt_->passed_on();
    if (last == Attempt::Outcome::client_failed) client_status_ = attempt_->client_status();
    const bool request_sent = attempt_->request_sent();
    attempt_.reset();
    if (last == Attempt::Outcome::answered || aborted_) break;
    if (last != Attempt::Outcome::not_sent && (last != Attempt::Outcome::stale || distrust_idle_))
      ++tries;
    note_failure(*upstream, last);
    if (!may_try_again(last, request_sent, tries)) break;
    LoopCounters::add(loop_.counters().retries, 1);
  }
  co_return last;
}

void Exchange::note_failure(Upstream& upstream, Attempt::Outcome outcome) {
  switch (outcome) {
    case Attempt::Outcome::stale:
      distrust_idle_ = true;  // the worker is not to blame: it may close an idle connection
      return;
    case Attempt::Outcome::not_sent:
    case Attempt::Outcome::lost: suspect(upstream, FailureKind::reset); return;
    case Attempt::Outcome::timed_out:
    case Attempt::Outcome::bad_response:
      upstream.counters().failures.fetch_add(1, std::memory_order_relaxed);
      tried_.add(upstream.worker().id);
      return;
    case Attempt::Outcome::answered:
    case Attempt::Outcome::client_failed: return;
  }
}

void Exchange::suspect(Upstream& upstream, FailureKind kind) {
  upstream.counters().failures.fetch_add(1, std::memory_order_relaxed);
  tried_.add(upstream.worker().id);
  // No loop picks it until the registry has had a good sign of it. Who sets the mark reports.
  const bool was_suspect = upstream.counters().suspect.exchange(true, std::memory_order_relaxed);
  if (!was_suspect) loop_.options().report_failure(upstream.worker().id, kind);
}

bool Exchange::may_try_again(Attempt::Outcome outcome, bool request_sent, unsigned tries) const {
  if (passed_on_) return false;
  switch (outcome) {
    case Attempt::Outcome::not_sent: return true;
    case Attempt::Outcome::stale:
    case Attempt::Outcome::lost:
      if (!request_sent) return true;
      return !client_.streaming && client_.request.is_idempotent() && tries < limits::attempts_max;
    default: return false;
  }
}

Task<Ending> Exchange::answer_failure(Attempt::Outcome outcome) {
  if (passed_on_) co_return Ending::abort;
  const auto& service = loop_.options().default_service;
  unsigned status = 502;
  std::string_view code = "bad_gateway";
  std::string message =
      "The worker closed the connection without an answer; the request may have been executed.";
  switch (outcome) {
    case Attempt::Outcome::not_sent:
      status = 503;
      code = was_full_ ? "workers_full" : "no_worker";
      message = was_full_ ? fmt::format("All workers of service \"{}\" are busy.", service)
                          : fmt::format("Service \"{}\" has no live worker.", service);
      break;
    case Attempt::Outcome::timed_out:
      status = 504;
      code = "gateway_timeout";
      message = "The worker did not answer in time.";
      break;
    case Attempt::Outcome::bad_response:
      message = "The worker's answer is not well-formed HTTP/1.1.";
      break;
    case Attempt::Outcome::client_failed:
      if (client_status_ == 0) co_return Ending::abort;
      status = client_status_;
      code = status == 408 ? "request_timeout" : status == 413 ? "body_too_large" : "bad_request";
      message = status == 408   ? "The request body did not arrive in time."
                : status == 413 ? "The request body is over the configured limit."
                                : "The request body is not well-formed.";
      break;
    default: break;
  }
  auto answering = answer(status, code, std::move(message));
  co_return co_await answering;
}

Task<Ending> Exchange::answer(unsigned status, std::string_view code, std::string message) {
  const bool keep = status >= 500 && stays_after_answer();
  Buffer out = loop_.buffers().borrow();
  const auto body_bytes = write_local_response(out, {.status = status,
                                                     .code = code,
                                                     .message = message,
                                                     .retry_after_s = status == 503 ? 1u : 0u,
                                                     .keep_alive = keep,
                                                     .to_head = client_.request.is_head()});
  auto sending = send_answer(std::move(out), status, body_bytes, keep);
  co_return co_await sending;
}

Task<Ending> Exchange::answer_as_final_recipient() {
  const bool keep = stays_after_answer();
  Buffer out = loop_.buffers().borrow();
  write_final_recipient_answer(out, client_.request, client_.in.view(), keep);
  const auto body_bytes = out.size() - (out.view().find("\r\n\r\n") + 4);
  auto sending = send_answer(std::move(out), 200, body_bytes, keep);
  co_return co_await sending;
}

// The request has been read to its end, so that the next one can follow.
bool Exchange::stays_after_answer() const {
  return !client_.streaming && !client_.in.empty() &&
         client_.in.size() >= client_.request.head_bytes() + client_.body.size() &&
         client_.request.keep_alive() && !loop_.draining();
}

Task<Ending> Exchange::send_answer(Buffer out, unsigned status, std::size_t body_bytes, bool keep) {
  loop_.arm(deadline_, loop_.timeouts().body_idle);
  auto writing = write_all(client_.socket, out.view());
  const IoResult wrote = co_await writing;
  deadline_.disarm();
  if (!wrote.ok()) co_return Ending::abort;
  client_.note.status = status;
  client_.note.bytes = body_bytes;
  if (!keep) co_return Ending::linger;
  client_.in.consume(client_.request.head_bytes() + client_.body.size());
  co_return Ending::keep;
}

}  // namespace tandem::master
