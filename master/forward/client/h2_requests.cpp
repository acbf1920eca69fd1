// The part of H2Connection that serves one request, and waits for what that needs.
#include <algorithm>
#include <array>

#include "common/base/clock.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/client/clients.hpp"
#include "master/forward/client/ended_request.hpp"
#include "master/forward/client/h2_request.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/exchange/watched_deadline.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/stream/head_text.hpp"

namespace tandem::master {

// Until what was submitted before has been taken out of the session, or the stream is closed.
Task<> H2Connection::await_pull(Request& request) {
  request.awaits_pull = true;
  ++awaiting_pull_;
  want_send();
  co_await request.woken;
}

// What the client still sends is thrown away, until it ends or pauses, or has had its time.
Task<> H2Connection::read_rest(Request& request) {
  MessageStream& stream = request;
  Deadline pause;
  pause.on_expiry([](void* client) { static_cast<MessageStream*>(client)->cancel(); }, &stream);
  const Instant until = context_.coarse_now() + limits::linger_for_answer_max;
  Buffer in;
  for (;;) {
    context_.arm(pause, limits::http2_linger_gap_max);
    auto reading = stream.read(in, context_.buffers());
    const IoResult got = co_await reading;
    if (!got.ok() || context_.coarse_now() >= until || context_.lets_go(client_)) break;
  }
  pause.disarm();
  in.release();
}

void H2Connection::wake_pulled() {
  if (awaiting_pull_ == 0) return;
  requests_.for_each([](Request& request) {
    if (std::exchange(request.awaits_pull, false)) request.woken.set();
  });
  awaiting_pull_ = 0;
}

// ---- one request

Detached H2Connection::serve(h2::Stream& stream, h2::PooledHead given_head, bool ends) {
  Request request(*this, stream, ends);
  auto head = std::move(given_head);
  const auto started = fed_at_;
  // What has arrived together with the head is looked at first: most bodies are here then.
  Yield rest_of_input(context_.io());
  co_await rest_of_input;
  // What is about to be sent may be that this stream was reset, for something that came behind its
  // head: such a request is not begun (CVE-2025-8671).
  if (session_.has_output() && !request.is_closed() && !lost_) {
    auto pulling = await_pull(request);
    co_await pulling;
  }
  if (!request.is_gone(false) && !lost_) {
    auto serving = serve(request, std::move(head), ends, started);
    co_await serving;
  }
  if (context_.lets_go(client_)) drain();
}

Task<> H2Connection::serve(Request& request, h2::PooledHead given_head, bool ends,
                           Instant started) {
  auto head = std::move(given_head);
  auto& parsed = context_.borrow_request_head();
  Buffer in = context_.buffers().borrow();
  auto refusal = head->refusal();
  if (head->protocol() == "websocket") {
    request.open_websocket();
  } else if (!head->protocol().empty()) {
    refusal = {501, "not_implemented", "Of the protocols of CONNECT only websocket is served."};
  }
  if (refusal.status < 400) {
    write_request_text(in, *head, request.known_body(ends));
    request.note_never_indexed(*head);
    const auto status = parsed.parse(in.view());
    if (status == HeadStatus::refused) refusal = parsed.refusal();
    parsed.note_http2();
  }
  const auto memory = context_.memory();
  if (memory != Context::Memory::ample) context_.shed_idle(Shed::clients);
  if (refusal.status < 400 && memory == Context::Memory::exhausted) refusal = no_memory;
  const auto form = refusal.status >= 400 && has_grpc_type(head->fields()) ? ErrorForm::grpc_status
                                                                           : ErrorForm::document;
  head.reset();
  auto ending = Ending::keep;
  // Clients of gRPC know that an answer may come early, and have calls that never end.
  bool may_send_on = form == ErrorForm::document && !request.is_websocket();
  if (refusal.status >= 400) {
    auto refusing = refuse(request, refusal, form, parsed, started);
    co_await refusing;
  } else {
    Exchange exchange(context_, request, client_, in, parsed);
    request.exchange = &exchange;
    auto exchanging = exchange.run();
    ending = co_await exchanging;
    request.exchange = nullptr;
    const auto status = exchange.note().status;
    const bool has_stopped = status == 408;  // and is not waited for again
    // Of one that waits to be told to send nothing is on its way, and a reset may overtake the
    // answer all the same.
    const bool may_linger = status >= 400 || (parsed.expects_continue() && request.holds_content());
    may_send_on = may_linger && !has_stopped && !exchange.is_grpc() && !request.is_websocket();
    const bool breaks_off = ending == Ending::abort && exchange.is_grpc();
    const auto code = exchange.reset_code();
    const auto told = code ? grpc_status_of_reset(*code) : GrpcStatus::unavailable;
    if (breaks_off && request.end_broken_call(told)) ending = Ending::close;
    note_ended(context_, started, exchange.note(), client_, parsed, exchange.request_id());
  }
  context_.give_back(parsed);
  in.release();
  if (ending == Ending::abort) {
    request.reset(h2::ErrorCode::internal_error);
    co_return;
  }
  if (!request.has_ended() && !request.is_closed()) {
    auto ending_early = end_early(request, may_send_on);
    co_await ending_early;
  }
  if (!request.is_closed()) request.let_go();
}

// RFC 9113 §8.1: the answer is whole, and the rest of the request is not wanted. There are clients
// that forget an answer when their stream is reset while they send, so after a failure they may
// send on for a while. (Not after a success: curl 7.88 would read no credit for it, and wait for
// ever.)
Task<> H2Connection::end_early(Request& request, bool may_send_on) {
  auto pulling = await_pull(request);
  co_await pulling;
  if (may_send_on && !request.has_ended() && !request.is_closed()) {
    auto reading = read_rest(request);
    co_await reading;
  }
  if (!request.has_ended()) request.reset(h2::ErrorCode::no_error);
}

Task<> H2Connection::refuse(Request& request, Refusal refusal, ErrorForm form,
                            const RequestHead& parsed, Instant started) {
  Buffer out = context_.buffers().borrow();
  const LocalResponse response{.status = refusal.status,
                               .code = refusal.code,
                               .message = refusal.message,
                               .retry_after_s = refusal.status == 503 ? 1u : 0u,
                               .hsts = context_.hsts_for(parsed, client_),
                               .is_used_up = refusal.code == no_memory.code,
                               .to_head = parsed.is_head(),
                               .allows_trace = context_.options().allows_trace};
  std::size_t body_bytes = 0;
  if (form == ErrorForm::grpc_status) {
    write_grpc_error(out, response);
  } else {
    body_bytes = write_local_response(out, response);
  }
  const auto head_bytes = out.size() - body_bytes;
  const MessageStream::Part part{.head = out.view().substr(0, head_bytes),
                                 .content = out.view().substr(head_bytes),
                                 .last = true};
  MessageStream& stream = request;
  const RequestTimes times(context_.timeouts());
  WatchedDeadline deadline(context_.wheel(), stream);
  deadline.on_expiry([](void* client) { static_cast<MessageStream*>(client)->cancel(); }, &stream);
  auto sending = stream.send(part);
  if (!sending.done()) deadline.arm_sending(stream, times);
  const auto sent = co_await sending;
  AccessNote note;
  if (sent.ok()) {
    note.first_byte = now();
    note.status = refusal.status;
    note.bytes = sent.content;
  }
  note_ended(context_, started, note, client_, parsed, {});
}

}  // namespace tandem::master
