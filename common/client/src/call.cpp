#include "common/client/src/call.hpp"

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/client/src/limits.hpp"

namespace tandem::client {

namespace {

double random_fraction() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0.5, 1.0)(random);
}

}  // namespace

Call::Call(Masters& masters, const Outgoing& request, const CallLimits& limits)
    : masters_(masters),
      request_(request),
      limits_(limits),
      deadline_(limits.deadline,
                request.streams() ? Deadline::Kind::renewed : Deadline::Kind::fixed) {}

ClientResult Call::run() {
  for (unsigned round = 0;; ++round) {
    const auto order = masters_.order();
    has_others_ = order.size() > 1;
    for (const auto& master : order) {
      if (deadline_.has_passed()) return give_up();
      if (auto settled = ask(master)) return std::move(*settled);
    }
    if (limits_.refresh) limits_.refresh();
    if (!pause(round)) return give_up();
  }
}

// Asks one master, and those that it names. Nothing: ask the next one.
std::optional<ClientResult> Call::ask(std::shared_ptr<Master> master) {
  for (unsigned redirects = 0;; ++redirects) {
    if (!prepare_source()) return fail(ExchangeEnd::given_up);
    auto made = attempt(*master);
    auto& failure = failures_[master->endpoint()];
    if (made.end == ExchangeEnd::answer) {
      const bool unserved = is_unserved(made.response, request_.method == "HEAD");
      auto named = streamed_.handed_on ? nullptr : named_by(made.response);
      if (streamed_.handed_on || (!unserved && named == nullptr)) {
        masters_.serves(*master);
        return settle(std::move(made.response));
      }
      failure = unserved ? "cannot serve now" : "names another primary";
      if (unserved) unserved_ = std::move(made.response);
      if (!may_go_on(made)) return give_up();
      if (unserved || redirects == limits::client_redirects_max || deadline_.has_passed()) {
        return std::nullopt;
      }
      master = std::move(named);
      continue;
    }
    failure = made.why;
    lost_ = lost_ || made.end == ExchangeEnd::lost;
    if (!may_go_on(made)) return fail(made.end);
    return std::nullopt;
  }
}

bool Call::may_go_on(const ExchangeOutcome& made) const {
  if (streamed_.handed_on || made.end == ExchangeEnd::too_long ||
      made.end == ExchangeEnd::given_up) {
    return false;
  }
  if (made.end == ExchangeEnd::lost && !request_.repeatable) return false;
  const bool can_restart =
      !streamed_.taken || (request_.source->rewind && restarts_ < limits::client_restarts_max);
  return can_restart;
}

// Rewinds the source if something was taken from it. False: it cannot be rewound.
bool Call::prepare_source() {
  if (!streamed_.taken) return true;
  ++restarts_;
  streamed_.taken = false;
  return request_.source->rewind();
}

// One request to one master; a second one when a kept-alive connection turns out to be closed.
ExchangeOutcome Call::attempt(Master& master) {
  if (auto kept = master.take()) {
    auto made = exchange(master, std::move(*kept));
    const bool was_stale = made.end != ExchangeEnd::answer && !made.begun && !made.timed_out;
    const bool again =
        (made.end == ExchangeEnd::nothing_sent || request_.repeatable) && may_go_on(made);
    if (!was_stale || !again || !prepare_source()) return made;
    master.drop_idle();
  }
  auto fresh = Connection::open(
      master.endpoint(), std::min(deadline_.at(), now() + limits_.connect), limits_.tls.get());
  if (fresh.ok()) return exchange(master, std::move(fresh).value());
  ++attempts_;
  ExchangeOutcome made;
  made.timed_out = fresh.error().code == ErrorCode::timed_out;
  made.why = fresh.error().message;
  if (made.timed_out) masters_.hangs(master);
  return made;
}

ExchangeOutcome Call::exchange(Master& master, Connection connection) {
  ++attempts_;
  const Waited waited{master.life(), master.endpoint(), limits_.tls.get()};
  Wait wait(deadline_, waited, has_others_ ? limits_.probe_after : Duration::zero(), [&] {
    masters_.hangs(master);  // for other calls, even if this one keeps waiting
    return request_.repeatable && !streamed_.handed_on;
  });
  Exchange exchanging(request_, limits_.body_bytes_max, streamed_, connection, wait);
  auto made = exchanging.run(master.endpoint().to_string());
  sent_ = sent_ || made.end != ExchangeEnd::nothing_sent;
  if (made.timed_out && !wait.was_alive()) masters_.hangs(master);
  if (made.end == ExchangeEnd::answer) {
    if (made.reusable) master.keep(std::move(connection));
  }
  return made;
}

// The primary's address when a standby redirects to it: in the standby's own answer, with exactly
// the target that was requested. Any other redirect comes from the service, and the caller may
// follow it.
std::shared_ptr<Master> Call::named_by(const ClientResponse& response) const {
  // Over TLS nobody is sent away, and would not go where it is not spoken.
  if (limits_.tls || response.status != 307 || !is_of_the_master(response)) return nullptr;
  constexpr std::string_view scheme = "http://";
  const auto location = response.get_header_value("Location");
  std::string_view rest = location;
  if (!rest.starts_with(scheme)) return nullptr;
  rest.remove_prefix(scheme.size());
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  const auto target = rest.substr(authority.size());
  if (target != request_.target && !(target.empty() && request_.target == "*")) return nullptr;
  auto endpoint = parse_endpoint(authority, "Location");
  if (!endpoint.ok() || endpoint->port == 0) return nullptr;
  auto known = masters_.find(*endpoint);
  return known != nullptr ? known : std::make_shared<Master>(std::move(*endpoint));
}

// The pause between two rounds of all masters. False: the deadline comes first.
bool Call::pause(unsigned round) const {
  constexpr unsigned doublings_max = 8;
  const auto longest = Duration(limits::client_backoff_min) * (1 << std::min(round, doublings_max));
  const auto most = std::min(longest, Duration(limits::client_backoff_max));
  const auto wait = std::chrono::duration_cast<Duration>(most * random_fraction());
  const auto left = deadline_.at() - now();
  std::this_thread::sleep_for(std::min(wait, std::max(left, Duration::zero())));
  return !deadline_.has_passed();
}

ClientResult Call::settle(ClientResponse response) {
  if (!streamed_.handed_on && !hand_on(request_, response, streamed_))
    return fail(ExchangeEnd::given_up);
  response.attempts = attempts_;
  return ClientResult(std::move(response));
}

ClientResult Call::fail(ExchangeEnd end) const {
  if (end == ExchangeEnd::given_up) {
    return ClientError{ClientErrorCode::given_up,
                       fmt::format("the call was given up by its caller: {}", tried()), attempts_};
  }
  if (end == ExchangeEnd::too_long)
    return ClientError{ClientErrorCode::invalid, tried(), attempts_};
  if (streamed_.handed_on) {
    return ClientError{ClientErrorCode::cut_off,
                       fmt::format("the answer broke off after its beginning: {}", tried()),
                       attempts_};
  }
  return ClientError{ClientErrorCode::outcome_unknown,
                     fmt::format("the request may have been executed: {}", tried()), attempts_};
}

ClientResult Call::give_up() {
  if (unserved_ && !lost_) return settle(std::move(*unserved_));
  if (streamed_.taken) return fail(ExchangeEnd::lost);
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
