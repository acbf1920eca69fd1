#include "master/forward/client/h2_connection.hpp"

#include <algorithm>
#include <array>

#include "common/base/clock.hpp"
#include "master/forward/client/clients.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/client/ended_request.hpp"
#include "master/forward/exchange/watched_deadline.hpp"
#include "master/forward/stream/websocket.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/stream/head_text.hpp"

namespace tandem::master {

namespace {

bool is_grpc(const h2::Head& head) {
  return std::any_of(head.fields().begin(), head.fields().end(), [](const Field& field) {
    return equal_ignoring_case(field.name, "content-type") && is_grpc_type(field.value);
  });
}

}  // namespace

// One stream, from its head to the end of its exchange.
class H2Connection::Request final : public H2Stream, public IntrusiveListMember<Request> {
 public:
  Request(H2Connection& connection, h2::Stream& stream, bool ends)
      : H2Stream(connection), connection_(connection), pulled(connection.context_.io()) {
    attach(stream);
    if (ends) note_end();
    connection_.requests_.push_front(*this);
  }
  ~Request() {
    connection_.requests_.remove(*this);
    if (connection_.requests_.empty()) connection_.fall_idle();
  }

  // The answer to a gRPC call breaks off: its client is told so as gRPC tells it, in trailers, and
  // may take that for what it is, the loss of a server. False: nothing can be told.
  bool end_broken_call() {
    if (stream_ == nullptr || !answer_is_open_ || stream_->unsent() > 0) return false;
    const std::array fields{
        Field{FieldKind::other, "grpc-status", "14"},
        Field{FieldKind::other, "grpc-message", "The answer broke off on its way."}};
    link().session().send_trailers(*stream_, fields);
    link().want_send();
    return true;
  }

  // It opens a WebSocket.
  void open_websocket() { websocket_key_ = make_websocket_key(); }
  KnownBody known_body(bool none) const {
    KnownBody body{.none = none};
    if (websocket_key_) body.websocket_key = {websocket_key_->data(), websocket_key_->size()};
    if (has_ended() && trailers().empty()) body.bytes = arrived().size();
    return body;
  }

 private:
  H2Connection& connection_;
  bool answer_is_open_ = false;  // its head has been sent, and its end has not

  void read_text(std::string_view text, WrittenHead& head) const override {
    read_written_response(text, head);
  }
  bool submit_head(WrittenHead& response, bool last) override {
    if (stream_ == nullptr) return false;
    auto& session = link().session();
    if (response.is_interim()) {
      session.send_interim(*stream_, response.status, response.fields);
    } else if (websocket_key_ && response.status == 101 && !is_proven(response)) {
      session.send_head(*stream_, 502, {}, /*last=*/true);
      return false;
    } else if (websocket_key_) {
      std::erase_if(response.fields, is_of_websocket_handshake);
      session.send_head(*stream_, status_of_opening(response.status), response.fields, last);
    } else {
      session.send_head(*stream_, response.status, response.fields, last);
      answer_is_open_ = !last;
    }
    return true;
  }

  bool is_proven(const WrittenHead& response) const {
    const auto& fields = response.fields;
    return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      return equal_ignoring_case(field.name, "Sec-WebSocket-Accept") &&
             field.value == websocket_accept(*websocket_key_);
    });
  }
  // RFC 8441 §5: success is 200 and says nothing of keys. What opens no WebSocket is no success.
  static unsigned status_of_opening(unsigned status) {
    if (status == 101) return 200;
    return status < 300 ? 502 : status;
  }
  std::optional<WebSocketKey> websocket_key_;

 public:
  Exchange* exchange = nullptr;  // while one runs
  Wake pulled;                   // what was submitted before has been taken out of the session
  bool awaits_pull = false;
};

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

// Until what was submitted before has been taken out of the session, or the stream is closed.
Task<> H2Connection::await_pull(Request& request) {
  request.awaits_pull = true;
  ++awaiting_pull_;
  want_send();
  co_await request.pulled;
}

void H2Connection::wake_pulled() {
  if (awaiting_pull_ == 0) return;
  requests_.for_each([](Request& request) {
    if (std::exchange(request.awaits_pull, false)) request.pulled.set();
  });
  awaiting_pull_ = 0;
}

// ---- what the session tells

void H2Connection::on_head(h2::Stream& stream, h2::PooledHead head, bool ends) {
  idle_.disarm();
  settled_ = false;
  serve(stream, std::move(head), ends);
}

void H2Connection::on_content(h2::Stream& stream, std::string_view bytes) {
  if (auto* request = static_cast<H2Stream*>(stream.user)) request->on_content(bytes);
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
    if (std::exchange(request->awaits_pull, false)) request->pulled.set();
    if (request->is_gone(false) && request->exchange != nullptr) request->exchange->abort();
  }
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
  if (context_.lets_clients_go()) drain();
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
    const auto status = parsed.parse(in.view());
    if (status == HeadStatus::refused) refusal = parsed.refusal();
    parsed.note_http2();
  }
  const auto memory = context_.memory();
  if (memory != Context::Memory::ample) context_.shed_idle(Shed::clients);
  if (refusal.status < 400 && memory == Context::Memory::exhausted) refusal = no_memory;
  const auto form =
      refusal.status >= 400 && is_grpc(*head) ? ErrorForm::grpc_status : ErrorForm::document;
  head.reset();
  auto ending = Ending::keep;
  if (refusal.status >= 400) {
    auto refusing = refuse(request, refusal, form, parsed, started);
    co_await refusing;
  } else {
    Exchange exchange(context_, request, client_, in, parsed);
    request.exchange = &exchange;
    auto exchanging = exchange.run();
    ending = co_await exchanging;
    request.exchange = nullptr;
    const bool breaks_off = ending == Ending::abort && exchange.is_grpc();
    if (breaks_off && request.end_broken_call()) ending = Ending::close;
    note_ended(context_, started, exchange.note(), client_, parsed, exchange.request_id());
  }
  context_.give_back(parsed);
  in.release();
  if (ending == Ending::abort) {
    request.reset(h2::ErrorCode::internal_error);
  } else if (!request.has_ended() && !request.is_closed()) {
    // RFC 9113 §8.1: the answer is whole, and the rest of the request is not wanted.
    auto pulling = await_pull(request);
    co_await pulling;
    request.reset(h2::ErrorCode::no_error);
  } else if (!request.is_closed()) {
    request.let_go();
  }
}

Task<> H2Connection::refuse(Request& request, Refusal refusal, ErrorForm form,
                            const RequestHead& parsed, Instant started) {
  Buffer out = context_.buffers().borrow();
  const LocalResponse response{.status = refusal.status,
                               .code = refusal.code,
                               .message = refusal.message,
                               .retry_after_s = refusal.status == 503 ? 1u : 0u,
                               .hsts = context_.hsts_for(parsed, client_),
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
