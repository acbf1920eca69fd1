#include "common/client/src/call.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/wire/error_document.hpp"

namespace tandem::client {

namespace {

// A master marks what it passes on from others with Via (RFC 9110 §7.6.3); what it says itself has
// none.
bool is_of_the_master(const ClientResponse& response) { return !response.has_header("Via"); }

// The master says that it executed nothing and that another, or a later, request may be served. A
// standby passes such an answer of the primary on, so the error code tells it from a service's 503;
// an answer to HEAD has no body.
bool is_unserved(const ClientResponse& response, bool to_head) {
  constexpr std::array<std::string_view, 5> codes{"no_worker", "workers_full", "primary_full",
                                                  "no_primary", "not_primary"};
  if (response.status != 503 || !response.has_header("Retry-After")) return false;
  if (to_head) return is_of_the_master(response);
  const auto code = wire::error_code(response.body);
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

double random_fraction() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0.5, 1.0)(random);
}

const char* in_words(ReadEnd end) {
  switch (end) {
    case ReadEnd::timed_out: return "no answer in time";
    case ReadEnd::malformed: return "the answer is not well-formed HTTP/1.1";
    default: return "the connection broke before the answer was whole";
  }
}

}  // namespace

Call::Call(Masters& masters, const Outgoing& request, const CallLimits& limits)
    : masters_(masters), request_(request), limits_(limits), deadline_(now() + limits.deadline) {}

ClientResult Call::run() {
  for (unsigned round = 0;; ++round) {
    for (const auto master : masters_.order()) {
      if (now() >= deadline_) return give_up();
      if (auto settled = ask({masters_.at(master), master})) return std::move(*settled);
    }
    if (!pause(round)) return give_up();
  }
}

// Asks one master, and whom it names. None: the next one is to be asked.
std::optional<ClientResult> Call::ask(Place place) {
  for (unsigned redirects = 0;; ++redirects) {
    auto made = attempt(place);
    if (made.timed_out && place.master) masters_.hangs(*place.master);
    if (made.came == Came::answer) {
      if (auto named = named_by(made.response)) {
        failures_[place.endpoint] = "names another primary";
        if (redirects == limits::client_redirects_max || now() >= deadline_) return std::nullopt;
        place = std::move(*named);
        continue;
      }
      if (is_unserved(made.response, request_.method == "HEAD")) {
        failures_[place.endpoint] = "cannot serve now";
        unserved_ = std::move(made.response);
        return std::nullopt;
      }
      if (place.master) masters_.serves(*place.master);
      return ClientResult(std::move(made.response));
    }
    failures_[place.endpoint] = made.why;
    lost_ = lost_ || made.came == Came::lost;
    if (made.came == Came::too_long) {
      return ClientResult(ClientError{ClientErrorCode::invalid, tried(), attempts_});
    }
    if (made.came == Came::lost && !request_.repeatable) {
      return ClientResult(
          ClientError{ClientErrorCode::outcome_unknown,
                      fmt::format("the request may have been executed: {}", tried()), attempts_});
    }
    return std::nullopt;
  }
}

// One request to one master; a second one when a kept-alive connection turns out to be closed.
Call::Attempt Call::attempt(const Place& place) {
  // Who must not send again gains nothing by waiting for less than it may.
  const bool may_go_elsewhere = request_.repeatable && masters_.size() > 1;
  const Instant deadline =
      may_go_elsewhere ? std::min(deadline_, now() + limits_.attempt) : deadline_;
  if (place.master) {
    if (auto kept = masters_.take(*place.master)) {
      auto made = exchange(place, std::move(*kept), true, deadline);
      const bool again = made.came == Came::nothing_sent || request_.repeatable;
      if (!made.was_stale || !again) return made;
      masters_.drop_idle(*place.master);
    }
  }
  auto fresh = Connection::open(place.endpoint, std::min(deadline, now() + limits_.connect));
  if (!fresh.ok()) {
    ++attempts_;
    return {.came = Came::nothing_sent,
            .timed_out = fresh.error().code == ErrorCode::timed_out,
            .why = fresh.error().message};
  }
  return exchange(place, std::move(fresh).value(), false, deadline);
}

Call::Attempt Call::exchange(const Place& place, Connection connection, bool is_reused,
                             Instant deadline) {
  ++attempts_;
  const auto host =
      request_.names_host ? std::string() : fmt::format("Host: {}\r\n", place.endpoint.to_string());
  const auto head = fmt::format("{} {} HTTP/1.1\r\n{}{}\r\n", request_.method, request_.target,
                                host, request_.fields);
  const auto [sent, send_timed_out] = connection.send(head, request_.body, deadline);
  Attempt made;
  made.came = sent == Connection::Sent::none ? Came::nothing_sent : Came::lost;
  made.timed_out = send_timed_out;
  made.was_stale = is_reused && sent == Connection::Sent::none && !send_timed_out;
  made.why = send_timed_out ? "takes no request" : "the connection broke";
  if (sent == Connection::Sent::none) return made;
  sent_ = true;
  if (send_timed_out) return made;

  auto& response = made.response;
  const bool to_head = request_.method == "HEAD";
  const auto read = read_response(connection, to_head, limits_.body_bytes_max, deadline, response);
  made.timed_out = read.end == ReadEnd::timed_out;
  made.was_stale = is_reused && read.end == ReadEnd::lost && !read.begun;
  if (read.end == ReadEnd::too_long) {
    made.came = Came::too_long;
    made.why = fmt::format("the answer (status {}) is longer than {} bytes", response.status,
                           limits_.body_bytes_max);
  } else if (read.end != ReadEnd::whole) {
    made.why = in_words(read.end);
  } else {
    made.came = Came::answer;
    response.master = place.endpoint.to_string();
    response.attempts = attempts_;
    const bool reusable = read.reusable && sent == Connection::Sent::all;
    if (reusable && place.master) masters_.keep(*place.master, std::move(connection));
  }
  return made;
}

// The primary's address when a standby redirects to it: its own answer, with the very target that
// was asked for. Any other redirect is the service's, and the caller's to follow.
std::optional<Call::Place> Call::named_by(const ClientResponse& response) const {
  if (response.status != 307 || !is_of_the_master(response)) return std::nullopt;
  constexpr std::string_view scheme = "http://";
  const auto location = response.get_header_value("Location");
  std::string_view rest = location;
  if (!rest.starts_with(scheme)) return std::nullopt;
  rest.remove_prefix(scheme.size());
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  const auto target = rest.substr(authority.size());
  if (target != request_.target && !(target.empty() && request_.target == "*")) {
    return std::nullopt;
  }
  auto endpoint = parse_endpoint(authority, "Location");
  if (!endpoint.ok() || endpoint->port == 0) return std::nullopt;
  const auto master = masters_.find(*endpoint);
  return Place{std::move(*endpoint), master};
}

// Between two rounds of all masters. False: the deadline comes first.
bool Call::pause(unsigned round) const {
  constexpr unsigned doublings_max = 8;
  const auto longest = Duration(limits::client_backoff_min) * (1 << std::min(round, doublings_max));
  const auto most = std::min(longest, Duration(limits::client_backoff_max));
  const auto wait = std::chrono::duration_cast<Duration>(most * random_fraction());
  const auto left = deadline_ - now();
  std::this_thread::sleep_for(std::min(wait, std::max(left, Duration::zero())));
  return now() < deadline_;
}

ClientResult Call::give_up() {
  if (unserved_ && !lost_) {
    unserved_->attempts = attempts_;
    return std::move(*unserved_);
  }
  const auto code = sent_ ? ClientErrorCode::deadline : ClientErrorCode::unreachable;
  const auto what = sent_ ? "no answer within" : "no master could be reached within";
  return ClientError{code,
                     fmt::format("{} {}: {}", what, tandem::to_string(limits_.deadline), tried()),
                     attempts_};
}

std::string Call::tried() const {
  std::string text;
  for (const auto& [endpoint, why] : failures_) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", endpoint.to_string(), why);
  }
  return text;
}

}  // namespace tandem::client
