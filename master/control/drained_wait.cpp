#include "master/control/drained_wait.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/wire/status.hpp"
#include "master/control/limits.hpp"
#include "master/control/pass_on.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration own_poll = 10ms;
constexpr Duration others_poll = 100ms;
// A busy master may miss the first request.
constexpr unsigned silences_max = 2;

// The number in flight from another master's answer to GET /v1/workers/NAME; nothing if it is
// missing.
std::optional<unsigned> in_flight_of(const ControlResponse& answer) {
  if (answer.status == 404) return 0;
  if (answer.status != 200) return std::nullopt;
  const auto workers = wire::parse_workers(answer.body);
  if (!workers || workers->size() != 1) return std::nullopt;
  return workers->front().in_flight;
}

}  // namespace

asio::awaitable<DrainedOutcome> DrainedWait::wait(std::string name, Duration timeout) {
  using End = DrainedOutcome::End;
  if (waiting_ >= limits::drained_waits_max) co_return DrainedOutcome{.end = End::busy};
  ++waiting_;
  auto polling = poll(name, now() + timeout);
  const auto outcome = co_await std::move(polling);
  --waiting_;
  co_return outcome;
}

asio::awaitable<DrainedOutcome> DrainedWait::poll(const std::string& name, Instant deadline) {
  using End = DrainedOutcome::End;
  Others others;
  const auto masters = options_.masters ? options_.masters() : std::map<core::NodeId, Endpoint>{};
  for (const auto& [node, control] : masters) others[node].control = control;
  std::optional<std::uint64_t> version;
  Instant others_due = now();
  asio::steady_timer timer(loop_);
  for (;;) {
    if (now() >= others_due) {
      auto asking = ask(others, name);
      co_await std::move(asking);
      others_due = now() + others_poll;
    }
    const auto worker = registry_.worker(name, now());
    DrainedOutcome outcome{.in_flight = worker ? worker->in_flight : 0};
    bool all_done = outcome.in_flight == 0;
    for (const auto& [node, other] : others) {
      outcome.in_flight += other.in_flight;
      all_done = all_done && other.done;
    }
    const bool may_answer = options_.may_answer();
    if (!options_.leads() || (!may_answer && now() >= deadline))
      outcome.end = End::leads_no_more;
    else if (may_answer && worker && !registry_.state().drained.contains(name))
      outcome.end = End::undrained;
    else
      outcome.end = End::in_flight;
    if (outcome.end != End::in_flight) co_return outcome;
    // A loop that has not adopted the drain yet may be about to send one more request.
    if (!version) version = registry_.published_version();
    const bool adopted = version && (!options_.has_adopted || options_.has_adopted(*version));
    if (all_done && adopted && may_answer) {
      outcome.end = End::drained;
      co_return outcome;
    }
    if (now() >= deadline) co_return outcome;
    boost::system::error_code ignored;
    timer.expires_after(std::min(own_poll, std::max<Duration>(deadline - now(), 1ms)));
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> DrainedWait::ask(Others& others, const std::string& name) {
  const auto path = fmt::format("/v1/workers/{}", name);
  for (auto& [node, other] : others) {
    if (other.done) continue;
    ControlRequest question{};
    question.method = "GET";
    question.path = path;
    auto asking =
        pass_on(calls_, other.control, question, options_.token ? options_.token() : std::string(),
                limits::master_answer_max);
    const auto answer = co_await std::move(asking);
    const auto in_flight = answer ? in_flight_of(*answer) : std::nullopt;
    if (in_flight) {
      other = {.control = other.control, .in_flight = *in_flight, .done = *in_flight == 0};
    } else if (!answer || ++other.silences >= silences_max) {
      log::warn("no longer waiting for a master that gives no answer node={} worker={}", node,
                name);
      other = {.control = other.control, .done = true};
    }
  }
}

}  // namespace tandem::master
