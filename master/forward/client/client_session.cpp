#include "master/forward/client/client_session.hpp"

#include "common/access/last_day.hpp"
#include "common/base/clock.hpp"
#include "common/http/stream_socket.hpp"
#include "common/http1/limits.hpp"
#include "master/forward/client/address_ranges.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/client/h2_connection.hpp"
#include "master/forward/client/ended_request.hpp"
#include "master/forward/stream/h1_stream.hpp"
#include "master/forward/http/h1/head_writer.hpp"

namespace tandem::master {

void ClientSession::start(Context& context, Clients& clients, ByteStream connection,
                          const Arrival& arrival, std::shared_ptr<const Entrance> entrance) {
  std::unique_ptr<ClientSession> session(
      new ClientSession(context, clients, std::move(connection), arrival, std::move(entrance)));
  // Whose connection it is may be said by its first bytes.
  if (session->is_passed_on() || session->count_in(arrival.peer)) run(std::move(session));
}

// False: its address has as many connections as it may.
bool ClientSession::count_in(const TcpEndpoint& peer) {
  auto* const counts = clients_.counts();
  const bool is_counted =
      !entrance_->inner && !trusted_ && !is_among(context_.options().uncounted_clients, address_);
  if (counts != nullptr && is_counted) {
    counted_as_ = counts->enter(peer.address());
    if (!counted_as_) return false;
  }
  if (!entrance_->tls) return true;
  handshake_ =
      std::make_unique<Handshakes::Handshake>(clients_.handshakes(*entrance_), connection_);
  handshake_->begin(peer.address(), is_counted);
  return true;
}

ClientSession::ClientSession(Context& context, Clients& clients, ByteStream connection,
                             const Arrival& arrival, std::shared_ptr<const Entrance> entrance)
    : context_(context),
      clients_(clients),
      connection_(std::move(connection)),
      entrance_(std::move(entrance)),
      arrival_(arrival),
      address_(numeric_text(arrival.peer.address())),
      trusted_(is_among(context.options().trusted_proxies, address_)),
      idle_since_(context.coarse_now()) {
  clients_.adopt(*this);
  deadline_.on_expiry(
      [](void* context) { static_cast<ClientSession*>(context)->connection_.cancel(); }, this);
}

ClientSession::~ClientSession() {
  if (request_ != nullptr) context_.give_back(*request_);
  if (counted_as_) clients_.counts()->leave(*counted_as_);
  clients_.forget(*this);
}

bool ClientSession::close_if_idle_since(Instant since) {
  if (http2_ != nullptr) {
    if (ending_ || !http2_->is_idle_since(since) || connection_.has_unread()) return false;
    ending_ = true;
    http2_->leave();
    return true;
  }
  if (!idle_ || ending_ || idle_since_ > since || connection_.has_unread()) return false;
  ending_ = true;
  connection_.cancel();
  return true;
}

// There is memory for another request. Idle clients are closed first.
bool ClientSession::has_memory() {
  const auto memory = context_.memory();
  if (memory != Context::Memory::ample) context_.shed_idle(Shed::clients);
  return memory != Context::Memory::exhausted;
}

void ClientSession::drain() {
  if (http2_ != nullptr) return http2_->drain();
  // A request that has arrived is served: its client cannot know that the connection is about to
  // close.
  if (!idle_ || connection_.has_unread() || gives_time_for_first_request()) return;
  ending_ = true;
  connection_.cancel();
}

// Whoever has just come may have its first request on the way, and cannot send every request twice.
bool ClientSession::gives_time_for_first_request() {
  if (arrival_.is_heard || ending_) return false;
  const auto time_left = idle_since_ + limits::first_request_max - context_.coarse_now();
  if (time_left <= Duration::zero()) return false;
  context_.arm(deadline_, time_left);
  return true;
}

void ClientSession::tell_of_leaving(const Entrance& entrance) {
  if (http2_ != nullptr && entrance_.get() == &entrance) http2_->drain();
}

void ClientSession::abort() {
  ending_ = true;
  connection_.close();  // not cancel: whatever operation comes next must fail as well
  if (exchange_ != nullptr) exchange_->abort();
  if (http2_ != nullptr) http2_->abort();
}

void ClientSession::prepare_to_pass() {
  if (http2_ != nullptr || entrance_->tls) {
    const bool is_fresh = untouched_ && connection_.tls() == nullptr;
    if (is_fresh) return connection_.cancel();
    return handshake_ == nullptr ? drain() : void();
  }
  if (untouched_ && !ending_) connection_.cancel();
}

bool ClientSession::is_passable() {
  return clients_.passes_on() && !ending_ && connection_.is_open() && http2_ == nullptr &&
         connection_.tls() == nullptr && in_.empty();
}

// If its wait for more was ended so that it can be. True: the session is over.
bool ClientSession::pass_on(const IoResult& waited) {
  if (waited.error != asio::error::operation_aborted || !untouched_) return false;
  if (!is_passable() || deadline_.expired()) return false;
  clients_.take_({HeldSocket(connection_.socket().release()), arrival_}, *entrance_);
  return true;
}

Detached ClientSession::run(std::unique_ptr<ClientSession> session) {
  auto& self = *session;
  if (self.is_passed_on()) {
    auto reading = self.read_proxy_header();
    const bool read = co_await reading;
    if (!self.connection_.is_open()) co_return;
    if (!read) {
      self.close(Ending::close);
      co_return;
    }
  }
  if (self.entrance_->tls) {
    auto shaking = self.shake_hands();
    const Ending secured = co_await shaking;
    if (!self.connection_.is_open()) co_return;
    if (secured != Ending::keep) {
      self.close(secured);
      co_return;
    }
  }
  for (;;) {
    if (self.in_.empty()) {
      self.context_.arm(self.deadline_, self.context_.lets_clients_go()
                                            ? Duration(limits::first_request_max)
                                            : self.context_.timeouts().client_idle);
      auto reading = read_some(self.connection_, self.in_, self.context_.buffers());
      self.untouched_ = true;
      const IoResult got = co_await reading;
      if (!got.ok() && self.pass_on(got)) co_return;
      self.untouched_ = false;
      self.deadline_.disarm();
      if (!got.ok()) break;
      self.in_.commit(got.bytes);
      self.in_a_row_ = 0;
      if (!std::exchange(self.arrival_.is_heard, true) && self.may_speak_http2()) {
        self.idle_ = false;
        auto serving = self.serve_http2();
        const bool served = co_await serving;
        if (served) break;
      }
    } else if (++self.in_a_row_ % limits::pipelined_in_a_row_max == 0) {
      // A heap of pipelined requests, each answered at once, must not hold up other clients.
      Yield yielding(self.context_.io());
      co_await yielding;
      if (self.ending_) break;
    }
    self.idle_ = false;
    auto serving = self.serve_request();
    Ending ending = co_await serving;
    if (ending == Ending::keep && self.context_.lets_clients_go()) ending = Ending::close;
    if (ending != Ending::keep) {
      if (!self.ending_ && self.must_linger(ending)) {
        auto lingering = self.linger(Linger::for_answer);
        co_await lingering;
      }
      self.close(ending);
      co_return;
    }
    if (self.ending_) break;
    self.idle_ = true;
    self.idle_since_ = self.context_.coarse_now();
    if (self.is_passable()) {
      self.untouched_ = true;
      if (self.pass_on({asio::error::operation_aborted, 0})) co_return;
    }
  }
  self.close(Ending::close);
}

Entry ClientSession::entry() const {
  if (!entrance_->inner) return Entry::open;
  const bool is_believed = master_ && context_.inner_access().admits(*master_, access::wall_time());
  return is_believed ? Entry::inner_master : Entry::inner;
}

void ClientSession::abort_unless_believed() {
  if (entry() != Entry::inner_master) abort();
}

Sender ClientSession::sender() {
  Sender sender{.address = address_,
                .trusted = trusted_ && !entrance_->inner,
                .entry = entry(),
                .port = entrance_->port,
                .certificate = certificate_,
                .entrance_is_left = &entrance_->is_left};
  // Whether the client of another master speaks TLS, that one says.
  if (entrance_->inner) return sender;
  if (const auto* const tls = connection_.tls()) {
    sender.https = true;
    sender.tls = tls->version();
  }
  const auto* const front = arrival_.front.get();
  if (front == nullptr) return sender;
  if (!front->port.empty()) sender.port = front->port;
  if (!front->tls) return sender;
  // What is spoken here besides is not the client's.
  sender.https = true;
  sender.tls = front->version;
  sender.certificate = front->certificate;
  return sender;
}

// What has arrived may be the beginning of HTTP/2 (RFC 9113 §3.4), and cannot be one of HTTP/1.
// Over TLS both sides have agreed on it before, or will not speak it (RFC 9113 §3.2).
bool ClientSession::may_speak_http2() {
  if (entrance_->inner) return false;
  if (auto* const tls = connection_.tls()) return tls->application_protocol() == "h2";
  const auto here = in_.view().substr(0, h2::client_preface.size());
  return context_.options().http2 && h2::client_preface.starts_with(here);
}

// False: it was not HTTP/2 after all, and nothing of it was consumed.
Task<bool> ClientSession::serve_http2() {
  context_.arm(deadline_, context_.timeouts().header_read);
  while (in_.size() < h2::client_preface.size()) {
    auto reading = read_some(connection_, in_);
    const IoResult got = co_await reading;
    if (!got.ok()) co_return true;
    in_.commit(got.bytes);
    if (!may_speak_http2()) co_return false;
  }
  deadline_.disarm();
  const Sender client = sender();
  H2Connection connection(context_, connection_, client);
  http2_ = &connection;
  if (context_.lets_clients_go()) connection.drain();
  auto running = connection.run(in_);
  co_await running;
  http2_ = nullptr;
  if (!ending_) {
    auto lingering = linger(Linger::briefly);
    co_await lingering;
  }
  co_return true;
}

// Looks for a head in what has arrived, and makes room for the rest of it.
HeadStatus ClientSession::parse_head() {
  // RFC 9112 §2.2: an empty line before the request line is ignored.
  while (in_.view().starts_with("\r\n")) in_.consume(2);
  if (in_.empty() || in_.view() == "\r") return HeadStatus::incomplete;
  const auto status = request_->parse(in_.view());
  if (status == HeadStatus::incomplete && in_.free_size() == 0) {
    in_.capacity() < limits::header_bytes_max ? in_.grow(limits::header_bytes_max) : in_.compact();
    request_->clear();
  }
  return status;
}

// The head is not here as a whole: reads the rest of it, or answers what is wrong with it.
Task<bool> ClientSession::read_head(HeadStatus status) {
  for (;; status = parse_head()) {
    if (status == HeadStatus::complete) co_return true;
    if (status == HeadStatus::refused) {
      auto refusing = refuse(request_->refusal());
      co_await refusing;
      co_return false;
    }
    if (!has_memory()) {
      auto refusing = refuse(no_memory);
      co_await refusing;
      co_return false;
    }
    if (!deadline_.armed()) context_.arm(deadline_, context_.timeouts().header_read);
    auto reading = read_some(connection_, in_);
    const IoResult got = co_await reading;
    if (!got.ok()) {
      if (deadline_.expired() && !ending_ && !in_.empty()) {
        auto refusing =
            refuse({408, "request_timeout", "The request head did not arrive in time."});
        co_await refusing;
      } else if (!in_.empty()) {
        log({}, {});
      }
      co_return false;
    }
    in_.commit(got.bytes);
  }
}

Task<Ending> ClientSession::serve_request() {
  request_ = &context_.borrow_request_head();
  started_ = now();
  deadline_.disarm();
  const auto head = parse_head();
  bool complete = head == HeadStatus::complete;
  if (!complete) {
    auto reading = read_head(head);
    complete = co_await reading;
    deadline_.disarm();
  }
  Ending ending = Ending::linger;
  if (complete && !has_memory()) {
    auto refusing = refuse(no_memory);
    co_await refusing;
  } else if (complete) {
    H1Stream stream(connection_);
    Exchange exchange(context_, stream, sender(), in_, *request_);
    exchange_ = &exchange;
    auto exchanging = exchange.run();
    ending = co_await exchanging;
    exchange_ = nullptr;
    log(exchange.note(), exchange.request_id());
  } else if (in_.empty()) {
    ending = Ending::close;
  }
  context_.give_back(*request_);
  request_ = nullptr;
  if (in_.empty()) in_.release();
  co_return ending;
}

Task<> ClientSession::refuse(Refusal refusal) {
  Buffer out = context_.buffers().borrow();
  AccessNote note;
  note.status = refusal.status;
  note.bytes = write_local_response(out, {.status = refusal.status,
                                          .code = refusal.code,
                                          .message = refusal.message,
                                          .retry_after_s = refusal.status == 503 ? 1u : 0u,
                                          .hsts = context_.hsts_for(*request_, sender()),
                                          .to_head = request_->is_head(),
                                          .allows_trace = context_.options().allows_trace});
  context_.arm(deadline_, limits::linger_max);
  auto writing = write_all(connection_, out.view());
  const IoResult wrote = co_await writing;
  if (wrote.ok()) {
    note.first_byte = now();
  } else {
    note = {};
  }
  log(note, {});
}

void ClientSession::log(const AccessNote& note, std::string_view request_id) {
  note_ended(context_, started_, note, sender(), *request_, request_id);
}

// A close with unread bytes resets the connection, and the client may lose its answer (RFC 9112
// §9.6): it may have sent another request, or the rest of this one.
bool ClientSession::must_linger(Ending ending) {
  if (ending != Ending::close) return ending == Ending::linger;
  return !in_.empty() || (connection_.has_stirred() && connection_.has_unread());
}

// Reads on, so that the close resets nothing: a client may send all of its request before it looks
// for an answer. One that takes its answer meanwhile has as long for that as if it were written.
Task<> ClientSession::linger(Linger length) {
  connection_.shutdown_send();
  SendProgress progress(context_.timeouts().body_idle, context_.timeouts().pace);
  progress.wait(context_.coarse_now());
  const bool is_brief = length == Linger::briefly;
  const bool has_time = !is_brief && !context_.lets_clients_go();
  const Duration gap = has_time ? limits::linger_gap_max : limits::linger_max;
  const Instant until = context_.coarse_now() + limits::linger_for_answer_max;
  std::size_t in_a_row = 0;  // bytes, without a look at other clients
  bool has_sent = false;     // the client, within the gap
  context_.arm(deadline_, gap);
  for (;;) {
    in_.release();
    auto reading = read_some(connection_, in_, context_.buffers());
    const IoResult got = co_await reading;
    if (got.ok()) {
      has_sent = true;
      in_a_row += got.bytes;
      if (in_a_row >= limits::linger_bytes_max) {
        if (is_brief) break;
        in_a_row = 0;
        Yield yielding(context_.io());
        co_await yielding;
      }
    }
    if (ending_) break;
    if (!deadline_.expired()) {
      if (!got.ok()) break;
      continue;
    }
    const bool has_had_its_time = context_.coarse_now() >= until || context_.lets_clients_go();
    const bool still_sends = has_sent && !has_had_its_time;
    const bool takes = connection_.has_unacknowledged() &&
                       progress.look(context_.coarse_now(), connection_.acknowledged_bytes());
    if (is_brief || !(still_sends || takes)) break;
    has_sent = false;
    context_.arm(deadline_, gap);
  }
}

void ClientSession::close(Ending ending) {
  if (ending == Ending::abort) {
    // A reset tells even an HTTP/1.0 client, which takes the close for the end, that this was not
    // all.
    connection_.reset();
  } else {
    connection_.close();
  }
}

}  // namespace tandem::master
