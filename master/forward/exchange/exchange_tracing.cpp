// The part of Exchange that takes part in the trace of its request (W3C Trace Context): whether it
// does, and the spans of waiting and of attempts. That of the request: ended_request.cpp.
#include <algorithm>

#include "common/base/clock.hpp"
#include "master/forward/exchange/exchange.hpp"
#include "master/forward/tracing/tracer.hpp"

namespace tandem::master {

namespace {

const char* name_of(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::answered: return "answered";
    case AttemptOutcome::not_sent: return "not_sent";
    case AttemptOutcome::stale: return "stale";
    case AttemptOutcome::unprocessed: return "unprocessed";
    case AttemptOutcome::tls_refused: return "tls_refused";
    case AttemptOutcome::unsupported: return "unsupported";
    case AttemptOutcome::head_too_large: return "head_too_large";
    case AttemptOutcome::lost: return "lost";
    case AttemptOutcome::timed_out: return "timed_out";
    case AttemptOutcome::bad_response: return "bad_response";
    case AttemptOutcome::lost_race: return "lost_race";
    case AttemptOutcome::retry_status: return "retry_status";
    case AttemptOutcome::client_failed: return "client_failed";
    case AttemptOutcome::out_of_resources: return "out_of_resources";
    case AttemptOutcome::gate_closed: return "gate_closed";
    case AttemptOutcome::term_refused: return "term_refused";
    case AttemptOutcome::not_primary: return "not_primary";
    case AttemptOutcome::superseded: return "superseded";
  }
  return "";
}

void set_span_id(TraceContext& context, RequestIds& ids) {
  const auto id = ids.next();
  std::copy_n(id.begin(), context.span.size(), context.span.begin());
}

// A part of the request's span.
Span part_of(const RequestTrace& request, SpanKind kind, Instant start, Instant end) {
  Span span;
  span.kind = kind;
  span.self = request.self;
  span.parent = request.self.span;
  span.has_parent = true;
  span.start = start;
  span.duration = end - start;
  return span;
}

}  // namespace

// A context that this master has no spans to add to goes on as it came.
void Exchange::begin_trace() {
  const auto& options = context_.options().tracer->options();
  auto& trace = client_.note.trace;
  auto& ids = context_.request_ids();
  if (client_.request.has_trace_context()) {
    trace.self = read_traceparent(client_.request.traceparent());
    if (!trace.self.sampled || !context_.keeps_spans()) return;
    trace.parent = trace.self.span;
    trace.has_parent = true;
  } else {
    if (!options.started) return;
    trace.self.trace = ids.next();
    const auto drawn = context_.random_up_to(Duration(TracingOptions::all - 1)).count();
    trace.self.sampled = drawn < static_cast<std::int64_t>(*options.started);
  }
  set_span_id(trace.self, ids);
  trace.is_on = true;
  trace.has_spans = trace.self.sampled && context_.keeps_spans();
}

// What the worker is sent as its parent.
void Exchange::begin_span(AttemptTrace& trace) const {
  const auto& request = client_.note.trace;
  trace.is_on = request.is_on;
  if (!trace.is_on) return;
  trace.self = request.self;
  if (request.has_spans) set_span_id(trace.self, context_.request_ids());
  trace.traceparent = traceparent_of(trace.self);
  trace.began = now();
  trace.answered = Instant();
}

void Exchange::end_span(const ChosenWorker& chosen, AttemptOutcome outcome) const {
  const auto& request = client_.note.trace;
  if (!request.has_spans || !chosen.trace.is_on) return;
  const auto end = now();
  auto span = part_of(request, SpanKind::attempt, chosen.trace.began, end);
  span.self = chosen.trace.self;
  span.outcome = name_of(outcome);
  span.failed = outcome != AttemptOutcome::answered && outcome != AttemptOutcome::lost_race;
  span.service = service_name_;
  span.worker = chosen.upstream->worker().name;
  if (chosen.attempt && chosen.trace.answered != Instant() && outcome == AttemptOutcome::answered) {
    span.status = chosen.attempt->status();
  }
  context_.keep(span);
  if (!chosen.attempt || chosen.attempt->sent_at() == Instant()) return;
  const bool has_answer = chosen.trace.answered != Instant();
  auto worker = part_of(request, SpanKind::worker, chosen.attempt->sent_at(),
                        has_answer ? chosen.trace.answered : end);
  set_span_id(worker.self, context_.request_ids());
  worker.parent = chosen.trace.self.span;
  worker.worker = chosen.upstream->worker().name;
  worker.status = span.status;
  worker.failed = span.failed;
  context_.keep(worker);
}

// It found no room at once, and has waited for some since then.
void Exchange::note_wait(Instant since) const {
  const auto& request = client_.note.trace;
  if (!request.has_spans) return;
  auto span = part_of(request, SpanKind::queue, since, now());
  set_span_id(span.self, context_.request_ids());
  span.outcome = chosen_.upstream ? "served" : "in_vain";
  span.failed = !chosen_.upstream;
  span.service = service_name_;
  context_.keep(span);
}

}  // namespace tandem::master
