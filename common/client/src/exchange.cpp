#include "common/client/src/exchange.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "common/client/src/limits.hpp"
#include "common/wire/error_document.hpp"

namespace tandem::client {

namespace {

constexpr int service_unavailable = 503;
constexpr int temporary_redirect = 307;

// Whether the body is needed to tell whose answer it is: a master's own answers are short.
bool may_be_the_masters(const ClientResponse& response) {
  return (response.status == service_unavailable && response.has_header("Retry-After")) ||
         (response.status == temporary_redirect && is_of_the_master(response));
}

// Room before and after a piece for the framing of a chunk: its size in hexadecimal, two CRLFs.
constexpr std::size_t before_chunk = 18;
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";

// `buffer` holds a piece of `size` bytes after `before_chunk`.
std::string_view frame_chunk(std::vector<char>& buffer, std::size_t size) {
  const auto line = fmt::format("{:x}\r\n", size);
  char* const begin = buffer.data() + before_chunk - line.size();
  std::memcpy(begin, line.data(), line.size());
  std::memcpy(buffer.data() + before_chunk + size, line_end.data(), line_end.size());
  return {begin, line.size() + size + line_end.size()};
}

}  // namespace

bool is_unserved(const ClientResponse& response, bool to_head) {
  constexpr std::array<std::string_view, 5> codes{"no_worker", "workers_full", "primary_full",
                                                  "no_primary", "not_primary"};
  if (response.status != service_unavailable || !response.has_header("Retry-After")) return false;
  // A standby passes such an answer of the primary on, so the error code tells it from a service's
  // 503; an answer to HEAD has no body.
  if (to_head) return is_of_the_master(response);
  const auto code = wire::error_code(response.body);
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool hand_on(const Outgoing& request, ClientResponse& response, Streamed& streamed) {
  if (request.sink == nullptr) return true;
  streamed.handed_on = true;
  const auto body = std::move(response.body);
  response.body.clear();
  if (request.sink->head && !request.sink->head(response)) return false;
  return body.empty() || request.sink->write(body);
}

Exchange::Exchange(const Outgoing& request, std::size_t body_bytes_max, Streamed& streamed,
                   Connection& connection, Wait& wait)
    : request_(request),
      body_bytes_max_(body_bytes_max),
      streamed_(streamed),
      connection_(connection),
      wait_(wait),
      reader_(connection, wait, request.method == "HEAD") {}

ExchangeOutcome Exchange::run(const std::string& host) {
  outcome_.response.master = host;
  auto sending = send_head(host);
  if (sending == Sending::done && request_.source != nullptr) sending = send_body();
  if (sending != Sending::failed) receive();
  outcome_.reusable =
      outcome_.end == ExchangeEnd::answer && sending == Sending::done && reader_.leaves_reusable();
  outcome_.begun = reader_.has_begun();
  return std::move(outcome_);
}

// Also used for the rest of a request: the part that was sent before stays sent.
Exchange::Sending Exchange::failed(Connection::Sent end) {
  using Sent = Connection::Sent;
  const bool silent = end == Sent::late || end == Sent::dead;
  outcome_.timed_out = silent;
  outcome_.is_dead = end == Sent::dead;
  outcome_.why = silent ? "accepts no request" : "the connection broke";
  // A server that closes before it has read everything may have answered before that (RFC 9112
  // §9.3).
  return silent || outcome_.end == ExchangeEnd::nothing_sent ? Sending::failed : Sending::stopped;
}

Exchange::Sending Exchange::send_head(const std::string& host) {
  const auto field = request_.names_host ? std::string() : fmt::format("Host: {}\r\n", host);
  const auto head = fmt::format("{} {} HTTP/1.1\r\n{}{}\r\n", request_.method, request_.target,
                                field, request_.fields);
  const auto sent = connection_.send(head, request_.body, wait_);
  if (sent.any) outcome_.end = ExchangeEnd::lost;
  if (sent.end == Connection::Sent::all) return Sending::done;
  if (sent.end == Connection::Sent::answered) return Sending::stopped;
  return failed(sent.end);
}

// Sends pieces from the source, once the other side has asked for them or has been silent for a
// while.
Exchange::Sending Exchange::send_body() {
  const auto& source = *request_.source;
  std::uint64_t left = source.length.value_or(UINT64_MAX);
  if (left == 0) return Sending::done;
  if (reader_.await_continue(now() + Duration(limits::client_continue_max)) == Interim::answered) {
    return Sending::stopped;
  }
  std::vector<char> buffer(before_chunk + limits::client_piece_bytes + line_end.size());
  char* const piece = buffer.data() + before_chunk;
  for (std::uint64_t so_far = 0; left > 0;) {
    if (connection_.has_input() && reader_.await_continue(now()) == Interim::answered) {
      return Sending::stopped;
    }
    streamed_.taken = true;
    const auto wanted = std::min<std::uint64_t>(left, limits::client_piece_bytes);
    const auto size = source.read(piece, static_cast<std::size_t>(wanted));
    wait_.deadline().moved();
    if (!size || *size > wanted) {
      outcome_.end = ExchangeEnd::given_up;
      outcome_.why = "the source of the body gave up";
      return Sending::failed;
    }
    if (*size == 0) return source.length ? ended_early(so_far) : send_piece(last_chunk);
    const auto framed = source.length ? std::string_view(piece, *size) : frame_chunk(buffer, *size);
    if (const auto sending = send_piece(framed); sending != Sending::done) return sending;
    so_far += *size;
    if (source.length) left -= *size;
  }
  return Sending::done;
}

Exchange::Sending Exchange::ended_early(std::uint64_t so_far) {
  outcome_.end = ExchangeEnd::given_up;
  outcome_.why =
      fmt::format("the body ended after {} of {} bytes", so_far, *request_.source->length);
  return Sending::failed;
}

Exchange::Sending Exchange::send_piece(std::string_view framed) {
  const auto sent = connection_.send(framed, {}, wait_);
  if (sent.any) wait_.deadline().moved();
  if (sent.end == Connection::Sent::all) return Sending::done;
  if (sent.end == Connection::Sent::answered) return Sending::stopped;
  return failed(sent.end);
}

void Exchange::fail(ReadEnd end) {
  outcome_.timed_out = end == ReadEnd::late || end == ReadEnd::dead;
  outcome_.is_dead = end == ReadEnd::dead;
  switch (end) {
    case ReadEnd::late: outcome_.why = "no answer in time"; break;
    case ReadEnd::dead: outcome_.why = "does not answer a liveness probe"; break;
    case ReadEnd::malformed: outcome_.why = "the answer is not well-formed HTTP/1.1"; break;
    default: outcome_.why = "the connection broke before the answer was whole"; break;
  }
}

void Exchange::receive() {
  if (const auto end = reader_.read_head(outcome_.response); end != ReadEnd::whole) {
    return fail(end);
  }
  receive_body();
}

void Exchange::receive_body() {
  auto& response = outcome_.response;
  const bool judged_first = may_be_the_masters(response);
  const auto held_max =
      request_.sink != nullptr && judged_first ? limits::client_piece_bytes : body_bytes_max_;
  bool too_long = false;
  const auto end = reader_.read_body([&](std::string_view piece) {
    if (!judged_first) wait_.deadline().moved();
    const bool holds = request_.sink == nullptr || (judged_first && !streamed_.handed_on);
    if (holds && piece.size() <= held_max - response.body.size()) {
      response.body.append(piece);
      return true;
    }
    too_long = request_.sink == nullptr;
    if (too_long || (!streamed_.handed_on && !hand_on(request_, response, streamed_))) return false;
    const bool goes_on = request_.sink->write(piece);
    wait_.deadline().moved();
    return goes_on;
  });
  if (end == ReadEnd::whole) {
    outcome_.end = ExchangeEnd::answer;
  } else if (end == ReadEnd::refused) {
    outcome_.end = too_long ? ExchangeEnd::too_long : ExchangeEnd::given_up;
    outcome_.why = too_long ? fmt::format("the answer (status {}) is longer than {} bytes",
                                          response.status, body_bytes_max_)
                            : "the sink of the answer stopped it";
  } else {
    fail(end);
  }
}

}  // namespace tandem::client
