#include "master/forward/exchange/attempt.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "common/http1/limits.hpp"
#include "common/wire/term_proof.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/metrics/recording.hpp"

namespace tandem::master {

namespace {

// 501 and 505 are about the request: a client whose requests no worker understands must not get all
// workers ejected.
bool counts_as_failure(unsigned status) { return status >= 500 && status != 501 && status != 505; }

}  // namespace

Attempt::Attempt(Context& context, ClientSide& client, Service& service, WorkerCallPtr call,
                 Hop hop, std::string_view traceparent)
    : context_(context),
      client_(client),
      service_(service),
      call_(std::move(call)),
      upstream_(call_->upstream()),
      hop_(hop),
      traceparent_(traceparent),
      worker_(call_->stream()),
      response_(context.borrow_response_head()),
      deadline_(context.wheel(), client.stream) {
  deadline_.on_expiry([](void* context) { static_cast<Attempt*>(context)->cancel(); }, this);
  word_.on_expiry([](void* context) { static_cast<Attempt*>(context)->send_body(); }, this);
  upstream_.enter(*this);
}

Attempt::~Attempt() {
  upstream_.leave(*this);
  const bool is_leftover = call_ && may_leave_answer();
  context_.give_back(response_);
  if (!call_) return;
  if (is_leftover) {
    LeftoverAnswers::Leftover leftover{.call = std::move(call_),
                                       .here = std::move(worker_in_),
                                       .to_head = client_.request.is_head()};
    if (result_.answer_begun) leftover.body = std::move(reader_);
    context_.leftovers().take(service_, std::move(leftover));
  } else {
    // The call was not finished: its connection cannot carry another request. Its place is free.
    call_.reset();
    context_.services().room_made(service_);
  }
}

void Attempt::finish_call() { context_.services().finish(service_, std::move(call_)); }

// Tells the service whether the worker is well, and how long it took until the head of its answer,
// or to fail. Not how long when the body was streamed: that takes the client's time.
void Attempt::report_outcome(Outcome outcome) {
  if (hop_ == Hop::primary || !call_) return;
  auto experience = Experience::bad;
  switch (outcome) {
    case Outcome::answered:
      if (!counts_as_failure(response_.status())) experience = Experience::good;
      if (call_->has_own_connection() && !call_->is_reused()) upstream_.note_tls_accepted();
      break;
    case Outcome::timed_out:
      if (client_.times.client_gave_up(now())) return;
      break;
    case Outcome::lost:
      result_.lost_shared = call_->was_lost_shared();
      if (!call_->takes_blame()) return;
      break;
    case Outcome::bad_response:
      // What does not even begin as an answer is left of one before. A request can bring forth one
      // that is refused, and must not cost the others their connections.
      if (call_->is_reused() && call_->has_own_connection() &&
          !worker_in_.view().starts_with("HTTP/")) {
        upstream_.distrust(now());
      }
      break;
    case Outcome::lost_race: return report_latency(Experience::good);  // it takes so long at least
    default: return;  // it says nothing of the worker
  }
  if (service_.record_result(upstream_, experience)) {
    context_.request_counts().of(service_.name()).ejections.add();
  }
  report_latency(experience);
}

void Attempt::report_latency(Experience experience) {
  const bool measures = client_.options->hedge.when == wire::Hedge::When::p95;
  auto* const noted = upstream_.latency();
  const bool notes = metrics::recording && noted != nullptr;
  if (client_.streaming || (!measures && !notes && !service_.policies_learn())) return;
  const auto at = now();
  if (notes && experience == Experience::good) noted->observe(at - sent_at_);
  if (measures && experience == Experience::good) service_.record_latency(at - sent_at_);
  service_.train_policies(upstream_, experience, at - sent_at_, at);
}

void Attempt::cancel() {
  client_.stream.cancel();
  if (call_) worker_.cancel();
}

// An answer that is on its way is left to others to read. A tunnel says itself how it ends.
void Attempt::abort() {
  aborted_ = true;
  if (!call_) return;
  tunnels_ || may_leave_answer() ? worker_.cancel() : worker_.close();
}

// Nobody waits for the answer any more; the request was sent, and what comes on its connection from
// now on is that answer, of which it is known where the next one would begin.
bool Attempt::may_leave_answer() const {
  const bool is_unwanted = aborted_ || lost_race_ || client_broke_off();
  const bool is_sent = sent_ && request_complete() && !answered_early_;
  if (!is_unwanted || !is_sent || tunnels_ || !call_->has_own_connection()) return false;
  return result_.answer_begun ? can_follow() : !first_step_;
}

void Attempt::lose_race() {
  lost_race_ = true;
  if (call_) worker_.cancel();
}

// A worker that has begun to answer may finish.
void Attempt::abandon() {
  if (!client_.is_repeatable() || result_.response_begun || !worker_in_.empty() || !call_) return;
  abandoned_ = true;
  worker_.cancel();
}

Duration Attempt::body_idle() const { return client_.times.body_idle(context_.coarse_now()); }

// The primary may ask several workers in turn, and wait for one. It waits for as long as it is
// asked to, where this master alone knows whether the client of a call pings.
Duration Attempt::response_head() const {
  const auto& timeouts = client_.times.timeouts();
  auto timeout = timeouts.response_head;
  const bool leaves_it_to_us = client_.is_grpc && !client_.times.has_end();
  if (hop_ == Hop::primary) {
    timeout = timeout * (leaves_it_to_us ? 1 : client_.options->attempts) + timeouts.queue_wait;
  }
  return client_.times.within(timeout, context_.coarse_now());
}

Task<std::optional<Attempt::Outcome>> Attempt::ask() {
  auto outcome = begin_request();
  if (!outcome) {
    const MessageStream::Part part{.head = fields_ ? std::string_view() : out_.view(),
                                   .fields = fields_,
                                   .content = client_.body,
                                   .last = !client_.streaming,
                                   .trailers = client_.trailers};
    auto sending = worker_.send(part);
    if (!sending.done()) deadline_.arm_sending(worker_, client_.times);
    const auto sent = co_await sending;
    outcome = note_sent(sent);
    const bool goes_on = sent.ok();
    if (!outcome && goes_on && client_.awaits_word) {
      auto giving = give_word();
      outcome = co_await giving;
    }
    if (!outcome && goes_on) begin_body();
  }
  for (auto head = HeadStatus::incomplete; !outcome && head != HeadStatus::complete;) {
    outcome = parse_head(head);
    if (outcome) break;
    if (head == HeadStatus::incomplete) {
      await_answer();
      if (may_read()) {
        auto reading = worker_.read(worker_in_, context_.buffers());
        const IoResult got = co_await reading;
        if (take(got)) continue;
      }
      outcome = worker_gone();
    } else if (response_.is_interim()) {
      head = HeadStatus::incomplete;
      auto passing = pass_interim();
      const bool passed = co_await passing;
      if (passed) continue;
      result_.ending = Ending::abort;
      outcome = Outcome::answered;
    }
  }
  word_.disarm();
  if (!outcome && pump_) {
    pump_->forgo_continue();
    pump_->keep_no_more();
  }
  if (!outcome && awaits_short_body()) {
    auto receiving = receive_short_body();
    outcome = co_await receiving;
  } else if (!outcome && awaits_unknown_body()) {
    auto holding = hold_answer();
    outcome = co_await holding;
  }
  if (!outcome && !read_first_chunks()) outcome = Outcome::bad_response;
  report_outcome(outcome.value_or(Outcome::answered));
  if (!outcome && has_retry_status()) {
    discard_answer();
    outcome = Outcome::retry_status;
  }
  co_return outcome;
}

// Everything before the first byte is sent. Set: the attempt has ended that way; nothing was sent.
std::optional<Attempt::Outcome> Attempt::begin_request() {
  // The primary takes the request as its own: it adds what one hop has to say, this one nothing.
  RequestContext context{.via = hop_ == Hop::primary ? std::string_view() : context_.via(),
                         .sender = client_.sender,
                         .keeps_underscores = context_.options().keeps_underscores,
                         .request_id = client_.request_id,
                         .worker_host = upstream_.host_and_port(),
                         .stripped = client_.stripped,
                         .term = {},
                         .pass = {}};
  if (hop_ == Hop::primary) {
    context.pass = context_.primary_route().leadership().primary_pass;
    context.holds_body = holds_body_ = must_hold_body();
    leadership_watch_.emplace(
        context_.primary_route(), upstream_, worker_,
        client_.may_try_again ? LeadershipWatch::Repeatable::yes : LeadershipWatch::Repeatable::no);
  } else {
    // The real clock: a process that was frozen since it last looked finds the gate closed (R7).
    sent_at_ = now();
    const auto term = context_.options().gate->may_forward(sent_at_);
    const bool granted = term && *term == Term();
    // A grant may have ended and begun anew since this worker was chosen (R11).
    if (!term || (granted && upstream_.is_retired())) {
      finish_call();
      return Outcome::gate_closed;
    }
    if (!granted) context.term = upstream_.proof_of(*term);
    if (!context.term.empty()) term_ = *term;
  }
  client_.note.term = term_;
  context.is_grpc = client_.is_grpc;
  context.traceparent = traceparent_;
  if (client_.times.has_end()) {
    // By the clock that the deadline was set by: what is left never grows on the way.
    context.left = client_.times.left(hop_ == Hop::primary ? now() : sent_at_);
  }
  out_ = context_.buffers().borrow();
  worker_.never_index(client_.stream.never_indexed());
  fields_ = worker_.fields_to_send();
  if (fields_ != nullptr) {
    write_request_head(*fields_, out_, client_.request, context);
  } else {
    write_request_head(out_, client_.request, context);
  }
  worker_.frame_content(client_.request.framing());
  return std::nullopt;
}

// The head, and the body that was gathered, are sent, or that failed. A worker that takes no more
// may have answered nevertheless.
std::optional<Attempt::Outcome> Attempt::note_sent(const MessageStream::Sent& sent) {
  out_.release();
  result_.request_sent = sent.begun;
  answered_early_ = call_->has_stirred();
  if (!sent.ok() && (!answered_early_ || why_given_up())) return worker_gone();
  sent_ = sent.ok();
  deadline_.disarm();
  response_.clear();
  return std::nullopt;
}

// A primary that has just stepped down refuses what it is sent, and what was taken of a large body
// would be lost then. A client that waits for 100 Continue holds the body itself.
bool Attempt::must_hold_body() const {
  const bool is_here = client_.in.size() > client_.request.head_bytes();
  return client_.streaming && (is_here || !client_.request.expects_continue());
}

void Attempt::begin_body() {
  if (holds_body_) return context_.arm(word_, limits::word_wait_max);
  if (client_.streaming) send_body();
}

void Attempt::send_body() {
  holds_body_ = false;
  word_.disarm();
  deadline_.disarm();
  const auto keeps = hop_ == Hop::worker && !call_->has_own_connection()
                         ? RequestBodyPump::Keeps::first_bytes
                         : RequestBodyPump::Keeps::nothing;
  pump_.emplace(context_, client_, worker_, deadline_, keeps);
  pump_->start();
}

Attempt::Outcome Attempt::worker_gone() const {
  if (const auto given_up = why_given_up()) return *given_up;
  if (pump_ && pump_->timed_out()) return Outcome::timed_out;
  // A connection can only have been closed for its age before the first byte of an answer.
  const bool is_unanswered = worker_in_.empty() && interim_responses_ == 0;
  if (call_->was_beyond_worker()) return Outcome::unsupported;
  if (call_->was_too_large()) return Outcome::head_too_large;
  if (is_unanswered && call_->refusing_alert() != 0) return Outcome::tls_refused;
  if (call_->was_unprocessed() && is_unanswered) return Outcome::unprocessed;
  if (call_->is_reused() && is_unanswered) return Outcome::stale;
  return result_.request_sent ? Outcome::lost : Outcome::not_sent;
}

// Set: it was not the worker that ended the waiting.
std::optional<Attempt::Outcome> Attempt::why_given_up() const {
  if (aborted_ || deadline_.client_gone()) return Outcome::client_failed;
  if (lost_race_) return Outcome::lost_race;
  if (abandoned_) return Outcome::lost;
  if (leadership_watch_ && leadership_watch_->given_up()) return Outcome::superseded;
  // Before the pump, which is cancelled with it.
  if (deadline_.expired()) return Outcome::timed_out;
  if (client_broke_off()) return Outcome::client_failed;
  return std::nullopt;
}

bool Attempt::client_broke_off() const {
  return deadline_.client_gone() ||
         (pump_ && pump_->state() == RequestBodyPump::State::client_failed);
}

// A worker does not answer what it did not receive.
bool Attempt::may_read() const {
  return !client_broke_off() && !aborted_ && !lost_race_ && !abandoned_;
}

// Keeps what was read of the answer. False: the read failed.
bool Attempt::take(const IoResult& got) {
  if (!got.ok()) return false;
  worker_in_.commit(got.bytes);
  return true;
}

// Looks for a head in what is here. Set: the attempt has ended that way.
std::optional<Attempt::Outcome> Attempt::parse_head(HeadStatus& status) {
  status = HeadStatus::incomplete;
  if (worker_in_.empty()) return std::nullopt;
  status = response_.parse(worker_in_.view(), client_.request.is_head());
  if (status == HeadStatus::refused) return Outcome::bad_response;
  if (status == HeadStatus::complete) {
    if (response_.status() != 100) leadership_watch_.reset();
    if (!response_.is_interim()) {
      answered_early_ = answered_early_ || !request_complete();
      return says_connection_expired() ? Outcome::stale : refusal();
    }
    if (++interim_responses_ > limits::interim_responses_max) return Outcome::bad_response;
  } else if (worker_in_.free_size() == 0) {
    worker_in_.grow(limits::response_head_bytes_max);
    response_.clear();
  }
  return std::nullopt;
}

void Attempt::await_answer() {
  // While the body is on its way, its pump watches the time, and arms this at the last byte.
  const bool running = pump_ && pump_->state() == RequestBodyPump::State::running;
  const bool must_answer = !running || pump_->awaits_continue();
  if (!must_answer || deadline_.armed()) return;
  const bool may_probe = !running && !holds_body_ && client_.request.version() >= 11;
  deadline_.arm_watching(response_head(), may_probe, &client_.times);
}

// The connection may carry another request once the answer has been read to its end.
bool Attempt::is_clean() const {
  return response_.keep_alive() && !answered_early_ && request_complete();
}

// RFC 9110 §15.5.9: the worker closes a connection that was idle for too long, and its 408 was on
// its way when the request was sent. When the request may not be sent again, the 408 is passed on:
// it says that nothing was executed.
bool Attempt::says_connection_expired() const {
  return response_.status() == 408 && !response_.keep_alive() && call_->is_reused() &&
         interim_responses_ == 0 && client_.is_repeatable();
}

// The status is one of retry_on, and another attempt is allowed and affordable.
bool Attempt::has_retry_status() {
  const bool is_wanted = hop_ == Hop::worker && client_.may_try_again && !result_.response_begun &&
                         is_unwanted_answer();
  if (!is_wanted) return false;
  if (service_.may_retry()) return true;
  context_.request_counts().of(service_.name()).retries_denied.add();
  return false;
}

bool Attempt::is_unwanted_answer() const {
  const auto& unwanted = client_.options->retry_on;
  if (unwanted.contains(response_.status())) return true;
  if (!client_.is_grpc || !unwanted.has_grpc()) return false;
  const auto status = grpc_status_worth_another_try(response_);
  return status && unwanted.contains_grpc(*status);
}

// The answer says that the request was not executed, and why.
std::optional<Attempt::Outcome> Attempt::refusal() {
  const bool refused = hop_ == Hop::primary ? is_not_primary() : is_term_refusal();
  if (!refused) return std::nullopt;
  discard_answer();
  return hop_ == Hop::primary ? Outcome::not_primary : Outcome::term_refused;
}

// R10. A worker refuses only lower terms: anything else that looks like a refusal is the
// application's answer.
bool Attempt::is_term_refusal() {
  if (response_.status() != 409 || term_ == Term()) return false;
  for (const auto& field : response_.fields()) {
    if (field.kind != FieldKind::tandem || !equal_ignoring_case(field.name, "Tandem-Term"))
      continue;
    const auto promised = wire::read_proven_term(field.value, upstream_.worker().term_key);
    if (!promised) continue;
    result_.promised_term = *promised;
    return result_.promised_term > term_;
  }
  return false;
}

bool Attempt::is_not_primary() const {
  const auto& fields = response_.fields();
  return response_.status() == 503 &&
         std::any_of(fields.begin(), fields.end(), [](const auto& field) {
           return field.kind == FieldKind::tandem &&
                  equal_ignoring_case(field.name, "Tandem-Not-Primary");
         });
}

bool Attempt::request_complete() const {
  if (!pump_) return !client_.streaming;
  return pump_->state() == RequestBodyPump::State::complete;
}

OneShotEvent* Attempt::stop() {
  deadline_.disarm();
  if (!pump_) return nullptr;
  if (pump_->state() == RequestBodyPump::State::running) pump_->cancel();
  return &pump_->finished();
}

AttemptResult Attempt::result(Outcome outcome) {
  auto result = result_;
  result.outcome = outcome;
  if (outcome == Outcome::tls_refused && call_) result.tls_alert = call_->refusing_alert();
  if (!pump_) return result;
  // Of what a worker has not begun to process the first bytes are here.
  if (outcome == Outcome::unprocessed && pump_->touched()) pump_->put_back();
  result.body_taken = pump_->touched();
  if (outcome == Outcome::client_failed) result.client_status = pump_->refusal_status();
  return result;
}

}  // namespace tandem::master
