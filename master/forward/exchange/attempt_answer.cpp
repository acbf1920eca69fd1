// The part of Attempt that passes the answer on to the client.
#include "master/forward/exchange/attempt.hpp"

#include <algorithm>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/exchange/tunnel.hpp"
#include "master/metrics/recording.hpp"

namespace tandem::master {

Task<Attempt::Outcome> Attempt::pass() {
  client_.note.term = term_;
  if (response_.status() == 101) {
    if (!may_switch_protocols()) co_return Outcome::bad_response;
    auto tunnelling = pass_tunnel();
    co_return co_await tunnelling;
  }
  const auto framing = framing_for_client();
  const bool keep_alive = client_stays() && framing != Framing::until_close;
  const bool tells_end = must_tell_how_a_call_ends(framing);
  write_head(framing, keep_alive);
  result_.ending = Ending::abort;  // until the whole has been passed on
  std::string_view head = fields_ ? std::string_view() : out_.view();
  client_.stream.frame_content(framing);
  client_.stream.never_index(worker_.never_indexed());
  bool is_told = false;
  for (bool first = true;; first = false) {
    BodyReader::Step step;
    if (first && first_step_) {
      step = *first_step_;
    } else if (!reader_.done() && !worker_in_.empty()) {
      step = reader_.read({worker_in_.data(), worker_in_.size()});
      if (step.malformed) break;
    }
    if (!reader_.done() && worker_.is_at_end() && step.consumed == worker_in_.size()) {
      reader_.end_of_stream();
    }
    if (first || !step.content.empty() || reader_.done()) {
      const MessageStream::Part part{.head = head,
                                     .fields = first ? fields_ : nullptr,
                                     .content = step.content,
                                     .last = reader_.done(),
                                     .trailers = answer_trailers()};
      result_.response_begun = result_.answer_begun = true;
      if (!part.trailers.empty()) client_.stream.never_index(worker_.never_indexed());
      // An answer that is here as a whole needs its worker no longer, however slow the client is.
      const bool is_all = first && reader_.done() && step.consumed == worker_in_.size();
      if (is_all && part.trailers.empty() && can_follow()) finish_call();
      auto sending = client_.stream.send(part);
      if (!sending.done()) deadline_.arm_sending(client_.stream, client_.times);
      const auto sent = co_await sending;
      note_passed(sent);
      head = {};
      if (!sent.ok()) {
        worker_in_.consume(step.consumed);
        break;
      }
    }
    worker_in_.consume(step.consumed);
    if (reader_.done()) {
      result_.ending = keep_alive ? Ending::keep : Ending::close;
      break;
    }
    if (client_broke_off() || aborted_) break;
    const bool filled = !first && step.consumed == limits::buffer_bytes;
    if ((first || filled) && (filled || reader_.remaining() > limits::buffer_bytes)) {
      worker_in_ = context_.borrow_to_stream(0);
    }
    deadline_.arm_watching(body_idle(), false, &client_.times);
    auto reading = worker_.read(worker_in_);
    const IoResult got = co_await reading;
    if (got.error == asio::error::eof && reader_.end_of_stream()) continue;
    if (!got.ok() && tells_end) {
      auto ending = end_broken_call();
      is_told = co_await ending;
    }
    if (!got.ok()) break;
    worker_in_.commit(got.bytes);
  }
  release_worker();
  if (is_told) result_.ending = request_complete() ? Ending::close : Ending::linger;
  co_return Outcome::answered;
}

// The client of a gRPC call is told in trailers why its answer has broken off, by who speaks HTTP/2
// with it. A standby that it asked hears of no code of the worker's, and has to be told likewise.
bool Attempt::must_tell_how_a_call_ends(Framing framing) const {
  return client_.is_grpc && client_.sender.by_master && framing == Framing::chunked &&
         has_grpc_type(response_.fields());
}

// False: nobody can be told.
Task<bool> Attempt::end_broken_call() {
  if (client_broke_off() || !may_read()) co_return false;
  const auto code = worker_.reset_code();
  const auto status = code ? grpc_status_of_reset(*code) : GrpcStatus::unavailable;
  const auto trailers = "grpc-status: " + std::to_string(static_cast<unsigned>(status)) +
                        "\r\ngrpc-message: The answer broke off on its way.\r\n";
  const MessageStream::Part part{.last = true, .trailers = trailers};
  auto sending = client_.stream.send(part);
  if (!sending.done()) deadline_.arm_sending(client_.stream, client_.times);
  const auto sent = co_await sending;
  co_return sent.ok();
}

std::string_view Attempt::answer_trailers() const {
  return reader_.trailers().empty() ? worker_.trailers() : reader_.trailers();
}

// A body whose end only the close tells is chunked to HTTP/1.1; HTTP/1.0 knows no chunks at all.
Framing Attempt::framing_for_client() const {
  const auto framing = response_.framing();
  if (framing != Framing::until_close && framing != Framing::chunked) return framing;
  return client_.request.version() >= 11 ? Framing::chunked : Framing::until_close;
}

// All but the framing.
ResponseContext Attempt::response_context() const {
  const auto& request = client_.request;
  ResponseContext context{.via = hop_ == Hop::primary ? std::string_view() : context_.via(),
                          .client_version = request.version(),
                          .set_cookie = client_.set_cookie,
                          .hsts = context_.hsts_for(request, client_.sender)};
  if (!context.set_cookie.empty()) context.secure = came_by_https(request, client_.sender);
  if (client_.stripped == 0) return context;
  context.stripped = {.prefix = request.target().substr(0, client_.stripped),
                      .host = request.host()};
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_host || !client_.sender.is_believed()) continue;
    context.stripped.forwarded_host = field.value;
  }
  return context;
}

// Into out_; the head that it was made from is removed from worker_in_.
void Attempt::write_head(Framing framing, bool keep_alive) {
  out_ = context_.buffers().borrow();
  auto context = response_context();
  context.framing = framing;
  context.keep_alive = keep_alive;
  fields_ = client_.stream.fields_to_send();
  if (fields_ != nullptr) {
    write_response_head(*fields_, out_, response_, context);
  } else {
    write_response_head(out_, response_, context);
  }
  worker_in_.consume(response_.head_bytes());
}

// Some of the response was sent.
void Attempt::note_passed(const MessageStream::Sent& sent) {
  if (!sent.begun) return;
  if (metrics::recording && client_.note.first_byte == Instant()) client_.note.first_byte = now();
  client_.note.status = passed_status();
  client_.note.bytes += sent.content;
}

// As the client sees it: no success opens a WebSocket of HTTP/2 but that of a worker which has
// switched protocols (RFC 8441 §5).
unsigned Attempt::passed_status() const {
  const auto status = response_.status();
  const bool opens = client_.request.version() == 20 && !client_.request.upgrade().empty();
  return opens && status < 300 && status != 101 ? 502 : status;
}

void Attempt::count_answer() {
  if (metrics::recording)
    upstream_.answers().add(client_.request.version() >= 20, response_.status());
}

// Keeps the worker's connection if it can carry another request.
void Attempt::release_worker() {
  count_answer();
  if (result_.ending == Ending::abort) {
    if (call_) result_.reset_code = worker_.reset_code();
    return;
  }
  // Nobody asked for bytes behind the response: what comes next on this connection cannot be
  // trusted.
  if (call_ && can_follow()) worker_in_.empty() ? finish_call() : upstream_.distrust(now());
  if (!request_complete()) result_.ending = Ending::linger;
}

// Another request can follow on the worker's connection, now that the answer has been read.
bool Attempt::can_follow() const {
  return response_.framing() != Framing::until_close && is_clean();
}

bool Attempt::client_stays() const {
  return client_.request.keep_alive() && request_complete() && !context_.lets_go(client_.sender);
}

// Tells the standby, once, that a worker has the head and waits for the body.
Task<std::optional<Attempt::Outcome>> Attempt::give_word() {
  client_.awaits_word = false;
  const MessageStream::Part part{.head = "HTTP/1.1 100 Continue\r\n\r\n"};
  auto sending = client_.stream.send(part);
  if (!sending.done()) deadline_.arm_sending(client_.stream, client_.times);
  const auto sent = co_await sending;
  if (!sent.ok()) co_return Outcome::client_failed;
  deadline_.disarm();
  co_return std::nullopt;
}

Task<bool> Attempt::pass_interim() {
  const bool is_word = holds_body_ && response_.status() == 100;  // for this master alone
  if (!is_word && client_.request.version() >= 11 && !client_.is_hedged) {
    out_ = context_.buffers().borrow();
    write_interim_head(out_, response_, context_.via());
    result_.response_begun = true;
    const MessageStream::Part part{.head = out_.view()};
    auto sending = client_.stream.send(part);
    if (!sending.done()) deadline_.arm_sending(client_.stream, client_.times);
    const auto sent = co_await sending;
    out_.release();
    if (!sent.ok()) co_return false;
  }
  deadline_.disarm();  // the worker has as long again for what follows
  if (is_word) send_body();
  if (response_.status() == 100 && pump_) pump_->let_continue();
  worker_in_.consume(response_.head_bytes());
  worker_in_.compact();
  response_.clear();
  co_return true;
}

// RFC 9110 §7.8: only to what the client offered, and only once the request is over.
bool Attempt::may_switch_protocols() const {
  const auto offered = client_.request.upgrade();
  bool is_offer = !response_.upgrade().empty();
  for_each_member(response_.upgrade(),
                  [&](auto protocol) { is_offer = is_offer && lists(offered, protocol); });
  return request_complete() && is_offer;
}

Task<Attempt::Outcome> Attempt::pass_tunnel() {
  tunnels_ = true;
  deadline_.disarm();
  out_ = context_.buffers().borrow();
  write_response_head(out_, response_, response_context());
  result_.response_begun = result_.answer_begun = true;
  worker_in_.consume(response_.head_bytes());
  Buffer from_client = context_.buffers().borrow();
  const auto early = client_.in.view().substr(client_.request.head_bytes() + client_.body.size());
  if (from_client.free_size() < early.size()) from_client.grow(early.size());
  from_client.append(early);
  client_.in.drop_back(early.size());
  const MessageStream::Part part{.head = out_.view()};
  auto sending = client_.stream.send(part);
  if (!sending.done()) deadline_.arm_sending(client_.stream, client_.times);
  const auto sent = co_await sending;
  deadline_.disarm();
  note_passed(sent);
  // The worker has not proven that it understood (RFC 6455 §4.2.2), and the client was told 502.
  if (!sent.begun && !client_.stream.is_gone(false)) client_.note.status = 502;
  out_.release();
  result_.ending = Ending::close;
  count_answer();
  if (sent.ok()) {
    client_.stream.become_tunnel();
    worker_.become_tunnel();
    auto tunnelling = run_tunnel(context_, client_.stream, worker_, std::move(from_client),
                                 std::move(worker_in_));
    const auto end = co_await tunnelling;
    // RFC 8441 §5: a reset is one at the other side too. (Of HTTP/1.1 on both sides that would only
    // take from the one what the other has sent before.)
    if (end == TunnelEnd::broken && client_.request.version() == 20) {
      client_.stream.is_gone(false) ? worker_.break_off() : client_.stream.break_off();
    }
  }
  co_return Outcome::answered;
}

}  // namespace tandem::master
