#include "master/registry/prober.hpp"

#include <array>
#include <random>
#include <charconv>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "common/base/own_trouble.hpp"
#include "common/http/stream_socket.hpp"
#include "common/wire/term_proof.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::string_view status_line_begin = "HTTP/1.1 200";
constexpr std::size_t answer_bytes_read_max = 16 * 1024;
// Backends that are added together are probed first within this time for each of them, so that two
// are known at once and a thousand are not a burst.
constexpr Duration first_probes_apart = 2ms;

// What one probe found out. `conclusive` is false when this master itself could not ask.
struct Verdict {
  bool conclusive = true;
  std::optional<ProbeFailure> failure;
};

Verdict failed(ProbeFailure failure) { return {.conclusive = true, .failure = failure}; }

Verdict judge(std::string_view status_line, const HealthCheck& check) {
  if (!status_line.starts_with("HTTP/1.") || status_line[8] != ' ') {
    return failed(FailureKind::unhealthy);
  }
  unsigned status = 0;
  const auto* end = status_line.data() + status_line.size();
  const auto parsed = std::from_chars(status_line.data() + 9, end, status);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return failed(FailureKind::unhealthy);
  return check.expects(status) ? Verdict{} : failed({FailureKind::unhealthy, status});
}

// Reads to the end, within bounds, so that the backend can close in peace and logs no reset.
asio::awaitable<void> read_the_rest(tcp::socket& socket) {
  std::array<char, 1024> part;
  std::size_t total = 0;
  error_code error;
  while (!error && total < answer_bytes_read_max) {
    total += co_await socket.async_read_some(asio::buffer(part),
                                             asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace

struct Prober::Attempt {
  Attempt(asio::io_context& loop, Registry::Probe probe)
      : addresses(std::move(probe.addresses)),
        check(std::move(probe.check)),
        key(std::move(probe.key)),
        socket(loop),
        timer(loop),
        hurry(loop) {}

  // Ends the probe whatever it waits for.
  void give_up() {
    ended = true;
    timer.cancel();
    hurry.cancel();
    error_code ignored;
    socket.close(ignored);
  }

  asio::awaitable<Verdict> ask(std::shared_ptr<Attempt> self);
  asio::awaitable<error_code> connect(std::shared_ptr<Attempt> self);
  asio::awaitable<Verdict> challenge();
  Verdict broken(FailureKind kind) const {
    return failed(timed_out ? FailureKind::timed_out : kind);
  }

  const std::vector<Endpoint> addresses;
  Endpoint target;     // the one of them that is asked
  unsigned tried = 0;  // addresses that a connection was made to, or could not be
  HealthCheck check;
  const std::string key;  // empty: its health is asked for
  tcp::socket socket;
  asio::steady_timer timer;  // of the probe
  asio::steady_timer hurry;  // of an address that is not the last
  bool timed_out = false;
  bool ended = false;
};

// To the first of the addresses that accepts: one that keeps silent leaves time for the others. The
// error is that of one which says something of the backend, if there is one.
asio::awaitable<error_code> Prober::Attempt::connect(std::shared_ptr<Attempt> self) {
  const auto share = check.timeout / static_cast<int>(addresses.size() + 1);
  error_code error;
  error_code worst;
  for (const auto& address : addresses) {
    target = address;
    const tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
    error_code ignored;
    socket.close(ignored);
    open_stream(socket, endpoint.protocol(), error);
    if (error) {  // no IPv6 here, say
      if (!worst) worst = error;
      continue;
    }
    if (address != addresses.back()) {
      hurry.expires_after(share);
      hurry.async_wait([self, number = tried](error_code cancelled) {
        error_code unimportant;
        if (!cancelled && number == self->tried) self->socket.close(unimportant);
      });
    }
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    ++tried;
    hurry.cancel();
    if (!error && !socket.is_open()) error = asio::error::operation_aborted;
    if (!error || ended) co_return error;
    if (!worst || is_own_trouble(worst.value())) worst = error;
  }
  co_return worst;
}

asio::awaitable<Verdict> Prober::Attempt::ask(std::shared_ptr<Attempt> self) {
  auto connecting = connect(std::move(self));
  error_code error = co_await std::move(connecting);
  if (is_own_trouble(error.value())) co_return Verdict{.conclusive = false, .failure = {}};
  if (error) co_return broken(FailureKind::refused);

  if (!key.empty()) {
    auto challenging = challenge();
    co_return co_await std::move(challenging);
  }
  const auto request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tandem-master\r\nConnection: close\r\n\r\n",
      check.path, target.to_string());
  co_await asio::async_write(socket, asio::buffer(request),
                             asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return broken(FailureKind::reset);
  std::array<char, status_line_begin.size()> answer;
  const auto got = co_await asio::async_read(socket, asio::buffer(answer),
                                             asio::redirect_error(asio::use_awaitable, error));
  if (error && (got == 0 || timed_out)) co_return broken(FailureKind::reset);
  if (error) co_return failed(FailureKind::unhealthy);
  const auto verdict = judge({answer.data(), answer.size()}, check);
  co_await read_the_rest(socket);
  co_return verdict;
}

// Is it still the worker that the key was given to?
asio::awaitable<Verdict> Prober::Attempt::challenge() {
  error_code error;
  const auto text = wire::new_challenge();
  const auto request = fmt::format(
      "OPTIONS * HTTP/1.1\r\nHost: {}\r\nTandem-Challenge: {}\r\nConnection: close\r\n\r\n",
      target.to_string(), text);
  co_await asio::async_write(socket, asio::buffer(request),
                             asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return broken(FailureKind::reset);
  std::string answer;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(answer, answer_bytes_read_max),
                                  "\r\n\r\n", asio::redirect_error(asio::use_awaitable, error));
  if (error && answer.empty()) co_return broken(FailureKind::reset);
  const bool is_itself = answer.find(wire::answer_to_challenge(text, key)) != std::string::npos;
  co_return is_itself ? Verdict{} : failed(FailureKind::unhealthy);
}

Prober::Prober(asio::io_context& loop, Registry& registry)
    : loop_(loop), registry_(registry), timer_(loop), random_(std::random_device{}()) {}

Prober::~Prober() = default;

void Prober::watch(WorkerId id) {
  if (stopped_) return;
  spread_.erase(id);
  if (const auto place = places_.find(id); place != places_.end()) {
    if (place->second == due_.end()) return;  // it is under way, and the next is timed anew
    due_.erase(place->second);
    places_.erase(place);
  }
  const auto probe = registry_.probe_target(id);
  if (!probe) return;
  schedule(id, random_.up_to(std::min<Duration>(probe->check.interval,
                                                first_probes_apart * (due_.size() + 1))));
}

void Prober::schedule(WorkerId id, Duration delay) {
  places_[id] = due_.emplace(std::chrono::steady_clock::now() + delay, id);
  start_due_probes();
}

void Prober::start_due_probes() {
  const auto now = std::chrono::steady_clock::now();
  while (!due_.empty() && due_.begin()->first <= now && under_way_.size() < limits::probes_max) {
    const auto id = due_.begin()->second;
    due_.erase(due_.begin());
    places_[id] = due_.end();
    auto target = registry_.probe_target(id);
    if (!target) {
      places_.erase(id);
      spread_.erase(id);
      continue;
    }
    auto attempt = std::make_shared<Attempt>(loop_, std::move(*target));
    under_way_.insert(attempt);
    asio::co_spawn(loop_, probe(id, std::move(attempt)), asio::detached);
  }
  // With all places taken, the end of a probe starts the next.
  if (due_.empty() || under_way_.size() >= limits::probes_max) return;
  timer_.expires_at(due_.begin()->first);
  timer_.async_wait([this](error_code error) {
    if (!error && !stopped_) start_due_probes();
  });
}

asio::awaitable<void> Prober::probe(WorkerId id, std::shared_ptr<Attempt> attempt) {
  attempt->timer.expires_after(attempt->check.timeout);
  attempt->timer.async_wait([attempt](error_code error) {
    if (error) return;
    attempt->timed_out = true;
    attempt->give_up();
  });
  auto asking = attempt->ask(attempt);
  const auto verdict = co_await std::move(asking);
  attempt->give_up();
  under_way_.erase(attempt);
  if (stopped_) co_return;
  if (verdict.conclusive) {
    const auto current = verdict.failure ? id : registry_.found_at(id, attempt->target);
    if (current != id) {
      places_.erase(id);
      if (spread_.erase(id) > 0) spread_.insert(current);
      id = current;
    }
    registry_.probe_result(id, verdict.failure, now());
  }
  const auto probe = registry_.probe_target(id);
  const auto interval = (probe ? probe->check : attempt->check).interval;
  const bool first = spread_.insert(id).second;
  schedule(id, first ? random_.up_to(interval) : interval * 9 / 10 + random_.up_to(interval / 5));
}

void Prober::stop() {
  stopped_ = true;
  timer_.cancel();
  due_.clear();
  places_.clear();
  for (const auto& attempt : under_way_) attempt->give_up();
}

}  // namespace tandem::master
