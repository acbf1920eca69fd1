#include "common/http/http_server.hpp"

#include <poll.h>

#include <ctime>
#include <utility>

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "common/base/clock.hpp"
#include "common/http/http_server_connection.hpp"
#include "common/http/response_stream.hpp"
#include "common/http1/http_date.hpp"
#include "common/wire/error_document.hpp"

namespace tandem {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using Parser = http::request_parser<http::string_body>;

// Large enough for a heartbeat with its head, so that one read takes it.
constexpr std::size_t first_read_bytes = 2 * 1024;
constexpr unsigned unauthorized = 401;

ControlResponse refused(unsigned status, std::string_view message) {
  return {.status = status, .body = wire::error_document(invalid(std::string(message)))};
}

// Nothing when the peer is gone or the connection was closed: nobody is left to answer.
std::optional<ControlResponse> answer_to(const error_code& error, std::size_t body_bytes_max) {
  if (error == http::error::body_limit) {
    return refused(413, fmt::format("a request body has at most {} bytes", body_bytes_max));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refused(
        431, fmt::format("a request head has at most {} bytes", limits::control_header_bytes_max));
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error.category() != make_error_code(http::error::bad_version).category()) {
    return std::nullopt;
  }
  return refused(400, fmt::format("this is no HTTP/1.1 request: {}", error.message()));
}

// Violations of HTTP that Beast accepts (RFC 9112 §3.2, §6.1); empty when there is none.
std::string_view mistake_in(const Parser& parser) {
  const auto& head = parser.get();
  const auto hosts = head.count(http::field::host);
  if (hosts > 1 || (head.version() >= 11 && hosts == 0)) return "a request has one Host field";
  if (head.count(http::field::transfer_encoding) == 0) return {};
  if (head.version() < 11) return "HTTP/1.0 has no Transfer-Encoding";
  const bool is_plain = head.count(http::field::transfer_encoding) == 1 &&
                        boost::beast::iequals(head[http::field::transfer_encoding], "chunked");
  return is_plain ? "" : "the only transfer coding understood here is chunked";
}

// Programs that were written for Consul present their token in a field of its own.
void take_consul_token(Parser& parser) {
  auto& head = parser.get();
  const auto token = head["X-Consul-Token"];
  if (token.empty() || head.count(http::field::authorization) > 0) return;
  head.set(http::field::authorization, "Bearer " + std::string(token.data(), token.size()));
}

// A target in origin form or absolute form (RFC 9112 §3.2).
struct Target {
  std::string_view authority;   // empty in origin form
  std::string_view local_part;  // path and query
};

Target parts_of(std::string_view target) {
  constexpr std::string_view scheme = "http://";
  if (!target.starts_with(scheme)) return {{}, target};
  target.remove_prefix(scheme.size());
  const auto slash = target.find('/');
  if (slash == target.npos) return {target.substr(0, target.find('?')), "/"};
  return {target.substr(0, slash), target.substr(slash)};
}

ControlRequest request_of(const Parser& parser, std::string_view peer,
                          std::shared_ptr<const access::Credential> certified) {
  const auto& message = parser.get();
  const auto view = [](boost::beast::string_view text) {
    return std::string_view(text.data(), text.size());
  };
  const auto [authority, target] = parts_of(view(message.target()));
  const auto question = std::min(target.find('?'), target.size());
  return {.method = view(message.method_string()),
          .path = target.substr(0, question),
          .query = target.substr(std::min(question + 1, target.size())),
          .body = message.body(),
          .authorization = view(message[http::field::authorization]),
          .host = authority.empty() ? view(message[http::field::host]) : authority,
          .origin = view(message[http::field::origin]),
          .accept = view(message[http::field::accept]),
          .last_event_id = view(message["Last-Event-ID"]),
          .if_none_match = view(message[http::field::if_none_match]),
          .features = view(message["Tandem-Features"]),
          .upgrade = view(message[http::field::upgrade]),
          .unreached = view(message["Tandem-Unreached"]),
          .peer = peer,
          .on_behalf_of = view(message["Tandem-On-Behalf-Of"]),
          .passed_on = message.count("Tandem-Passed-On") > 0,
          .proxied = message.count(http::field::via) + message.count(http::field::forwarded) +
                         message.count("X-Forwarded-For") >
                     0,
          .certified = std::move(certified)};
}

asio::awaitable<error_code> read_body(Channel& socket, boost::beast::flat_buffer& buffer,
                                      Parser& parser, std::size_t bytes_max) {
  error_code error;
  if (parser.is_done()) co_return error;
  const auto length = parser.content_length();
  if (length && *length > bytes_max) co_return http::error::body_limit;
  parser.body_limit(bytes_max);
  if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(go_on),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  if (!error) {
    co_await http::async_read(socket, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  }
  co_return error;
}

// Whether the other end has closed the connection, or its side of it, even if bytes before that are
// unread. A process that was frozen finds requests whose senders have given up, and asked another
// one since: doing what they asked would undo what was decided later.
bool has_left(Channel& socket) {
  pollfd looked{.fd = socket.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&looked, 1, 0) == 1;
}

// A client that is still sending would lose the answer to a reset, so what it sends is read, within
// limits.
asio::awaitable<void> let_the_answer_arrive(Channel& socket) {
  error_code error;
  socket.end();
  std::array<char, 4096> part;
  std::size_t total = 0;
  while (!error && total < limits::discarded_bytes_max) {
    total += co_await socket.async_read_some(asio::buffer(part),
                                             asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace

HttpServer::HttpServer(asio::io_context& loop, HttpServerOptions options, Handler handler)
    : loop_(loop),
      options_(options),
      handler_(std::move(handler)),
      sweep_timer_(loop),
      accept_timer_(loop),
      slots_(options_.connections_max, std::min(options_.strangers_max, options_.connections_max)),
      parked_(loop,
              [this](ConnectionSlots::Holder& parked) {
                take_repeats(static_cast<Connection&>(parked));
              }),
      turns_(loop) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  for (const auto& listener : listeners_) asio::co_spawn(loop_, accept(listener), asio::detached);
  asio::co_spawn(loop_, sweep(), asio::detached);
  if (options_.at_once.answer) asio::co_spawn(loop_, parked_.run(), asio::detached);
}

void HttpServer::stop() {
  stopped_ = true;
  retire();
  turns_.stop();
  parked_.stop();
  sweep_timer_.cancel();
  accept_timer_.cancel();
  for (const auto& connection : connections_) connection->close();
}

// Closes those whose deadline has passed, a few hundred milliseconds late at most.
asio::awaitable<void> HttpServer::sweep() {
  const auto period =
      std::clamp<Duration>(std::min(options_.idle_max, options_.request_max) / 8, 5ms, 500ms);
  while (!stopped_) {
    error_code ignored;
    sweep_timer_.expires_after(period);
    co_await sweep_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    auto looking = look_at_all();
    co_await std::move(looking);
  }
}

// Where the authorities have changed each certificate is verified again, which takes the processor
// for a while: others get their turns in between.
asio::awaitable<void> HttpServer::look_at_all() {
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  const auto credentials = options_.credentials ? options_.credentials->get() : nullptr;
  std::size_t looked_at = 0;
  for (const auto& connection : all) {
    if (credentials != nullptr && ++looked_at % limits::control_verified_at_once == 0) {
      auto others = asio::post(loop_, asio::use_awaitable);
      co_await std::move(others);
    }
    if (stopped_) co_return;
    if (!connection->socket.is_open() || !is_to_end(*connection, credentials)) continue;
    connection->is_parked ? end(connection) : connection->close();
  }
}

// Its time is over, or its peer is believed no more.
bool HttpServer::is_to_end(const Connection& connection, const tls::CredentialsPtr& credentials) {
  if (connection.deadline < std::chrono::steady_clock::now()) return true;
  const auto& peer = connection.socket.peer();
  if (!peer) return false;
  const auto why = why_not(*peer, *credentials, access::wall_time());
  if (why.empty()) {
    return (connection.is_idle || connection.is_parked) && shows_replaced(connection);
  }
  handshake_log_.refused(connection.peer, fmt::format("{} {}", peer->identity.id(), why),
                         tandem::now());
  return true;
}

// Its peer has seen a certificate of this server that was replaced: it has to see the new one, so
// that this can be revoked.
bool HttpServer::shows_replaced(const Connection& connection) const {
  if (!connection.socket.peer()) return false;
  return !connection.socket.credentials()->shows_the_same(*options_.credentials->get());
}

// False: it ends; why has been logged.
asio::awaitable<bool> HttpServer::secure(Connection& connection) {
  if (!connection.socket.is_open()) co_return false;  // it has given its place to another
  connection.deadline = after(options_.request_max);
  connection.socket.secure(options_.credentials->get(), tls::Side::serves);
  auto shaking = shake_hands(connection);
  const bool is_done = co_await std::move(shaking);
  if (!is_done || stopped_) {
    ++failed_handshakes_;
    const auto& failure = connection.socket.failure();
    if (!stopped_) {
      handshake_log_.refused(
          connection.peer, failure.empty() ? "TLS: no handshake in time" : failure, tandem::now());
    }
    co_return false;
  }
  const auto& identity = connection.socket.peer()->identity;
  connection.certified = std::make_shared<const access::Credential>(tls::credential_of(identity));
  slots_.trust(connection);
  co_return true;
}

asio::awaitable<bool> HttpServer::shake_hands(Connection& connection) {
  auto step = Channel::Step::wants_read;
  for (;;) {
    auto waiting = connection.socket.wait(step);
    const auto error = co_await std::move(waiting);
    if (error) co_return false;
    auto turn = turns_.take();
    co_await std::move(turn);
    const bool is_open = connection.socket.is_open();
    if (is_open) step = connection.socket.shake_hands();
    turns_.give_back();
    if (!is_open || step == Channel::Step::failed) co_return false;
    if (step == Channel::Step::done) co_return true;
  }
}

asio::awaitable<void> HttpServer::greet(std::shared_ptr<Connection> connection) {
  bool begun = true;
  if (options_.credentials) {
    auto securing = secure(*connection);
    begun = co_await std::move(securing);
  }
  if (!begun) {
    end(connection);
    co_return;
  }
  auto serving = serve(std::move(connection));
  co_await std::move(serving);
}

// Until it ends or is parked.
asio::awaitable<void> HttpServer::serve(std::shared_ptr<Connection> connection) {
  for (bool keep = true; keep && !stopped_;) {
    if (connection->buffer.size() == 0) {
      connection->buffer.shrink_to_fit();
      if (park(*connection)) co_return;
      connection->deadline = after(options_.idle_max);
      connection->is_idle = true;
      auto waiting = connection->socket.wait_readable();
      const auto error = co_await std::move(waiting);
      connection->is_idle = false;
      if (error) break;
      connection->buffer.reserve(first_read_bytes);
    }
    connection->deadline = after(options_.request_max);
    keep = co_await serve_request(*connection);
  }
  end(connection);
}

void HttpServer::end(const std::shared_ptr<Connection>& connection) {
  if (std::exchange(connection->is_parked, false)) {
    parked_.forget(connection->socket.parked(), *connection);
  }
  slots_.leave(*connection);
  connection->close();
  const auto ended = std::exchange(connection->ended, nullptr);
  connections_.erase(connection);
  if (ended && !stopped_) ended();
}

void HttpServer::adopt(DetachedChannel&& detached, std::string_view unread,
                       std::function<void()> ended) {
  auto connection = std::make_shared<Connection>(loop_, std::move(detached));
  if (const auto& peer = connection->socket.peer()) {
    connection->certified =
        std::make_shared<const access::Credential>(tls::credential_of(peer->identity));
  }
  connection->ended = std::move(ended);
  const auto room = connection->buffer.prepare(unread.size());
  std::copy(unread.begin(), unread.end(), static_cast<char*>(room.data()));
  connection->buffer.commit(unread.size());
  if (slots_.enter(*connection)) slots_.trust(*connection);
  connections_.insert(connection);
  asio::co_spawn(loop_, serve(std::move(connection)), asio::detached);
}

// Reads one request and answers it. Returns whether the connection can take another.
asio::awaitable<bool> HttpServer::serve_request(Connection& connection) {
  auto& socket = connection.socket;
  error_code error;
  Parser parser;
  parser.header_limit(limits::control_header_bytes_max);
  parser.body_limit(limits::cluster_body_bytes_max);
  co_await http::async_read_header(socket, connection.buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  Admission admission;
  const auto mistake = error ? std::string_view{} : mistake_in(parser);
  if (!error) take_consul_token(parser);
  if (!mistake.empty()) {
    admission.refusal = refused(400, mistake);
  } else if (!error && options_.admit) {
    admission = options_.admit(request_of(parser, connection.peer, connection.certified));
    if (admission.trusts) {
      slots_.trust(connection);
      connection.is_trusted = true;
    }
  }
  if (!error && !admission.refusal) {
    error = co_await read_body(socket, connection.buffer, parser, admission.body_bytes_max);
  }
  std::optional<ControlResponse> response = std::move(admission.refusal);
  if (error) {
    response = answer_to(error, admission.body_bytes_max);
    if (!response) co_return false;
  } else if (!response) {
    auto request = request_of(parser, connection.peer, connection.certified);
    const bool only_reads = request.method == "GET" || request.method == "HEAD";
    if (!only_reads && has_left(socket)) co_return false;
    request.caller = admission.caller.get();
    request.certificate = connection.socket.peer() ? &*connection.socket.peer() : nullptr;
    connection.deadline = SteadyTime::max();  // handlers limit their own time
    slots_.begin_answer(connection);
    auto answering = answer(request);
    response = co_await std::move(answering);
    connection.repeats = response->repeats && response->trusts;
    if (connection.repeats) note_repeats(connection, request, admission.caller);
    response->trusts ? slots_.trust(connection) : slots_.end_answer(connection);
  }
  // The rest of an unread body would be taken for the next request.
  const bool at_end = !error && mistake.empty() && parser.is_done();
  // Who is trusted no more must not keep the place of one who is.
  const bool has_lost_trust = connection.is_trusted && response->status == unauthorized;
  const bool keep_alive = at_end && parser.get().keep_alive() && !retires_ && !has_lost_trust &&
                          response->stream == nullptr && !shows_replaced(connection);
  const auto method = error ? boost::beast::string_view{} : parser.get().method_string();
  std::string text;
  write_answer(text, *response, date(), {method.data(), method.size()}, keep_alive);
  connection.deadline = after(options_.request_max);
  error_code unsent;
  co_await asio::async_write(socket, asio::buffer(text),
                             asio::redirect_error(asio::use_awaitable, unsent));
  if (response->take_over) {
    const bool is_quiet = at_end && connection.buffer.size() == 0 && !socket.has_more();
    if (is_quiet && !unsent && socket.is_open()) response->take_over(socket.detach());
    co_return false;
  }
  if (response->stream && !unsent && parser.get().method() != http::verb::head) {
    slots_.begin_answer(connection);
    auto writing = write_stream(socket, std::move(response->stream), connection.deadline,
                                options_.request_max);
    co_await std::move(writing);
    co_return false;
  }
  if (!at_end && !unsent) co_await let_the_answer_arrive(socket);
  co_return keep_alive && !unsent;
}

asio::awaitable<ControlResponse> HttpServer::answer(const ControlRequest& request) {
  try {
    co_return co_await handler_(request);
  } catch (const std::exception& exception) {
    log::error("control request failed method={} path={} reason=\"{}\"", request.method,
               request.path, exception.what());
  }
  co_return ControlResponse{
      .status = 500,
      .body = wire::error_document("internal", "this request hit a fault in the master")};
}

// Made once a second.
std::string_view HttpServer::date() {
  const std::time_t second = std::time(nullptr);
  if (second != date_second_) {
    date_ = HttpDate(second).text();
    date_second_ = second;
  }
  return date_;
}

}  // namespace tandem
