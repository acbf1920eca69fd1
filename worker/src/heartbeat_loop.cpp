#include "worker/src/heartbeat_loop.hpp"

#include <signal.h>

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/token_file.hpp"
#include "common/http/blocking_client.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/repeated_heartbeat.hpp"
#include "worker/src/heartbeat_delay.hpp"
#include "worker/src/limits.hpp"

namespace tandem {

namespace {

constexpr int no_change = 204;
constexpr int wanted_in_full = 412;
constexpr auto removed_by_an_operator = "an operator has removed this worker";

// The service's own threads handle its signals, and a master that closes its end must not kill the
// service with SIGPIPE.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

HttpRequest posted(const std::string& token, std::string body) {
  HttpRequest request{.method = "POST",
                      .target = "/heartbeat",
                      .fields = "Content-Type: application/json\r\n",
                      .body = std::move(body)};
  if (!token.empty()) request.fields += fmt::format("Authorization: {}\r\n", bearer(token));
  return request;
}

}  // namespace

HeartbeatLoop::HeartbeatLoop(Endpoint master, Proof proof, Duration interval, Describe describe,
                             Take take, EventLog log)
    : master_(std::move(master)),
      credentials_(std::move(proof.credentials)),
      describe_(std::move(describe)),
      take_(std::move(take)),
      log_(std::move(log)),
      token_(std::move(proof.token)),
      interval_(interval),
      random_(std::random_device{}()) {
  state_.address = master_.to_string();
}

HeartbeatLoop::~HeartbeatLoop() { TANDEM_ASSERT(!thread_.joinable()); }

void HeartbeatLoop::start() {
  has_ended_ = false;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    has_ended_ = true;
    throw;
  }
}

void HeartbeatLoop::changed() {
  const Lock lock(mutex_);
  changed_ = true;
  wake_.notify_all();
}

void HeartbeatLoop::set_token(std::string token) {
  const Lock lock(mutex_);
  token_ = std::move(token);
  changed_ = true;
  wake_.notify_all();
}

void HeartbeatLoop::finish() {
  const Lock lock(mutex_);
  changed_ = true;
  finishing_ = true;
  wake_.notify_all();
}

void HeartbeatLoop::halt() {
  const Lock lock(mutex_);
  halted_ = true;
  state_.answers = false;
  state_.error = removed_by_an_operator;
  wake_.notify_all();
}

void HeartbeatLoop::join() {
  if (thread_.joinable()) thread_.join();
}

MasterState HeartbeatLoop::state() const {
  const Lock lock(mutex_);
  auto state = state_;
  state.hangs = now() > hangs_from_;
  return state;
}

std::string HeartbeatLoop::token() const {
  const Lock lock(mutex_);
  return token_;
}

void HeartbeatLoop::run() {
  block_signals();
  BlockingClient client(master_, {.connect_max = limits::heartbeat_connect_max,
                                  .answer_max = limits::heartbeat_answer_max,
                                  .credentials = credentials_});
  do {
    {
      const Lock lock(mutex_);
      hangs_from_ = now() + limits::heartbeat_hangs_after;
    }
    beat(client);
  } while (wait_for_next());
  const Lock lock(mutex_);
  hangs_from_ = Instant::forever();
  has_ended_ = true;
}

void HeartbeatLoop::beat(BlockingClient& client) {
  auto heartbeat = describe_();
  told_.in_flight = heartbeat.in_flight;
  told_.term = heartbeat.term;
  heartbeat.sequence = told_.sequence;
  const bool is_news = heartbeat != told_;
  if (is_news) ++heartbeat.sequence;
  told_ = heartbeat;
  if (is_news || !kept_) {
    send(client, heartbeat, true);
  } else if (!send(client, heartbeat, false)) {
    send(client, heartbeat, true);
  }
}

// False: the master asks for all of it.
bool HeartbeatLoop::send(BlockingClient& client, const wire::Heartbeat& heartbeat, bool in_full) {
  const auto kept = std::exchange(kept_, std::nullopt);
  const auto outcome = client.ask(
      posted(token(), in_full ? wire::to_json(heartbeat) : wire::repetition_of(heartbeat)));
  const auto fail = [this](std::string why) {
    failed(std::move(why));
    return true;
  };
  if (!outcome.answered()) return fail(outcome.why);
  const auto& answer = outcome.answer;
  const bool is_another = !outcome.master.empty() && kept && outcome.master != kept->node;
  if (!in_full && is_another) return false;
  if (!in_full && answer.status == no_change) {
    kept_ = kept;
    accepted(*kept_);
    take_(*kept_);
    return true;
  }
  if (!in_full && answer.status == wanted_in_full) return false;
  if (answer.status != 200) {
    return fail(fmt::format("status {}: {}", answer.status, wire::error_message(answer.body)));
  }
  const auto reply = wire::parse_heartbeat_reply(answer.body);
  if (!reply.ok()) {
    return fail("the answer is not a reply to a heartbeat: " + reply.error().message);
  }
  if (!outcome.master.empty() && outcome.master != reply->node) {
    return fail(fmt::format("the master {} says that it is {}", outcome.master, reply->node));
  }
  if (reply->removed) {
    failed(removed_by_an_operator);
  } else {
    accepted(*reply);
    if (reply->takes_repeats) kept_ = *reply;
  }
  take_(*reply);
  return true;
}

void HeartbeatLoop::accepted(const wire::HeartbeatReply& reply) {
  bool news = false;
  bool warns = false;
  {
    const Lock lock(mutex_);
    if (halted_) return;  // halt() was called while this one was on its way
    warns = std::exchange(warning_, reply.warning) != reply.warning && !reply.warning.empty();
    news = !state_.answers || state_.role != reply.role || state_.term != reply.term.value();
    state_ = {state_.address, true, reply.node, reply.role, reply.term.value(), ""};
    interval_ = reply.interval;
    failures_ = 0;
  }
  if (news && log_) {
    log_(Severity::info, fmt::format("registered master={} node={} role={} term={}",
                                     master_.to_string(), reply.node, reply.role, reply.term));
  }
  if (warns && log_) {
    log_(Severity::warning, fmt::format("the master warns master={} reason=\"{}\"",
                                        master_.to_string(), reply.warning));
  }
}

void HeartbeatLoop::failed(std::string why) {
  bool news = false;
  {
    const Lock lock(mutex_);
    if (halted_) return;
    news = state_.error != why;
    state_.answers = false;
    state_.error = why;
    ++failures_;
  }
  if (news && log_) {
    log_(Severity::warning, fmt::format("heartbeat was not accepted master={} reason=\"{}\"",
                                        master_.to_string(), why));
  }
}

bool HeartbeatLoop::wait_for_next() {
  Lock lock(mutex_);
  const auto random = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto delay = heartbeat_delay(interval_, failures_, random);
  hangs_from_ = now() + delay + limits::heartbeat_hangs_after;
  wake_.wait_for(lock.native(), delay,
                 [this]() TANDEM_REQUIRES(mutex_) { return changed_ || finishing_ || halted_; });
  // Changes during the latest heartbeat still have to be sent, above all a bye.
  const bool due = !halted_ && (changed_ || !finishing_);
  changed_ = false;
  return due;
}

}  // namespace tandem
