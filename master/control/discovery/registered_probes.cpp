#include "master/control/discovery/registered_probes.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/http/conversation.hpp"
#include "common/http1/limits.hpp"
#include "master/control/discovery/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr unsigned good_first = 200;
constexpr unsigned good_last = 299;
constexpr std::size_t answer_read_max = 16 * 1024;

// Nothing is said and nothing awaited: that there is a connection is the answer.
class Connection : public Conversation {
 public:
  void begin(const Endpoint&) override {}
  void pull(std::string&) override {}
  void feed(std::string_view) override {}
  bool is_over() const override { return true; }
};

HttpCallOptions options_of(const ProbedCheck& check) {
  return {.total_max = check.timeout,
          .connect_max = check.timeout,
          .answer = {.head_bytes_max = limits::response_head_bytes_max,
                     .body_bytes_max = answer_read_max,
                     .keeps_body = false},
          .head_only = true};
}

// Of this master's own trouble nobody else is to blame.
bool says_something(const HttpOutcome& outcome) {
  using End = HttpOutcome::End;
  return outcome.end != End::own_trouble && outcome.end != End::cancelled;
}

}  // namespace

RegisteredProbes::RegisteredProbes(asio::io_context& loop,
                                   std::function<void(const std::string& id, bool good)> on_result)
    : loop_(loop), on_result_(std::move(on_result)), calls_(loop) {}

void RegisteredProbes::watch(const std::string& id, const std::string& host,
                             const ProbedCheck& check) {
  const auto found = watched_.find(id);
  const bool is_known =
      found != watched_.end() && found->second.host == host && found->second.check == check;
  if (is_known) return;
  watched_[id] = {.host = host, .check = check, .number = ++last_number_};
}

void RegisteredProbes::forget(std::string_view id) {
  const auto found = watched_.find(id);
  if (found != watched_.end()) watched_.erase(found);
}

RegisteredProbes::Verdict RegisteredProbes::verdict(std::string_view id) const {
  const auto found = watched_.find(id);
  return found == watched_.end() ? Verdict{.passes = true, .why = {}} : found->second.verdict;
}

void RegisteredProbes::tick(Instant now) {
  for (auto& [id, watched] : watched_) {
    if (under_way_ >= limits::registered_probes_max || stopped_) return;
    if (watched.is_under_way || now < watched.due) continue;
    watched.is_under_way = true;
    watched.due = now + watched.check.interval;
    ++under_way_;
    asio::co_spawn(loop_,
                   probe(id, watched.number, {watched.host, watched.check.port}, watched.check),
                   asio::detached);
  }
}

asio::awaitable<void> RegisteredProbes::probe(std::string id, std::uint64_t number, Endpoint place,
                                              ProbedCheck check) {
  HttpRequest request{.target = check.path, .fields = "User-Agent: tandem-master\r\n"};
  auto calling = check.path.empty()
                     ? calls_.call({place}, std::make_shared<Connection>(), options_of(check))
                     : calls_.call({place}, std::move(request), options_of(check));
  const auto outcome = co_await std::move(calling);
  --under_way_;
  const auto found = watched_.find(id);
  if (stopped_ || found == watched_.end() || found->second.number != number) co_return;
  found->second.is_under_way = false;
  if (says_something(outcome)) judge(id, found->second, outcome);
}

void RegisteredProbes::judge(const std::string& id, Watched& watched, const HttpOutcome& outcome) {
  const auto status = outcome.answer.status;
  const bool connects = watched.check.path.empty();
  const bool is_good =
      outcome.answered() && (connects || (status >= good_first && status <= good_last));
  auto& verdict = watched.verdict;
  if (is_good) {
    watched.bad = 0;
    if (++watched.good >= watched.check.healthy) verdict.passes = true;
  } else {
    watched.good = 0;
    if (++watched.bad >= watched.check.unhealthy) verdict.passes = false;
  }
  if (!outcome.answered())
    verdict.why = outcome.why;
  else
    verdict.why = connects ? "it accepts connections" : fmt::format("status {}", status);
  on_result_(id, is_good && verdict.passes);
}

void RegisteredProbes::stop() {
  stopped_ = true;
  calls_.cancel();
}

}  // namespace tandem::master
