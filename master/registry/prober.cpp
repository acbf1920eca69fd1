#include "master/registry/prober.hpp"

#include <random>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/http/http1_conversation.hpp"
#include "common/http/tls_conversation.hpp"
#include "common/http2/grpc_health.hpp"
#include "common/http2/http2_call.hpp"
#include "common/http1/limits.hpp"
#include "common/wire/proxy_protocol.hpp"
#include "common/wire/term_proof.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t answer_bytes_read_max = 16 * 1024;
// The distance between the first probes of backends that are added together, so that two are known
// at once and a thousand are not probed in a burst.
constexpr Duration first_probes_apart = 2ms;

// The result of one probe. `conclusive` is false when this master itself could not ask.
struct Verdict {
  bool conclusive = true;
  std::optional<ProbeFailure> failure;
};

Verdict failed(ProbeFailure failure) { return {.conclusive = true, .failure = failure}; }

Verdict verdict_on(const HttpOutcome& outcome) {
  using End = HttpOutcome::End;
  switch (outcome.end) {
    case End::answered: return {};
    case End::refused:
    case End::unreachable: return failed(FailureKind::refused);
    case End::timed_out: return failed(FailureKind::timed_out);
    case End::malformed: return failed(FailureKind::unhealthy);
    case End::broken: return failed(outcome.begun ? FailureKind::unhealthy : FailureKind::reset);
    case End::own_trouble:
    case End::cancelled: break;
  }
  return {.conclusive = false, .failure = {}};
}

// A GET of the configured path; or, for a worker that has a key, a challenge that shows whether it
// is still the one that was given the key.
HttpRequest question_to(const Registry::Probe& probe, const std::string& challenge) {
  if (probe.key.empty()) {
    return {.target = probe.check.path, .fields = "User-Agent: tandem-master\r\n"};
  }
  return {.method = "OPTIONS",
          .target = "*",
          .fields = fmt::format("Tandem-Challenge: {}\r\n", challenge)};
}

Verdict judge(const Registry::Probe& probe, const std::string& challenge,
              const HttpOutcome& outcome) {
  auto verdict = verdict_on(outcome);
  if (!outcome.answered()) return verdict;
  if (!probe.key.empty()) {
    const bool is_itself =
        outcome.answer.field("Tandem-Answer") == wire::answer_to_challenge(challenge, probe.key);
    return is_itself ? verdict : failed(FailureKind::unhealthy);
  }
  const auto status = outcome.answer.status;
  return probe.check.expects(status) ? verdict : failed({FailureKind::unhealthy, status});
}

// The same over HTTP/2.
Http2Request http2_question_to(const Registry::Probe& probe, const std::string& challenge) {
  const auto& check = probe.check;
  Http2Request request;
  if (!probe.key.empty()) {
    request = {.method = "OPTIONS",
               .path = "*",
               .fields = {{"tandem-challenge", challenge}},
               .head_only = true};
  } else if (check.kind.is_grpc) {
    request = grpc_health_request(check.kind.service, check.timeout);
  } else {
    request = {.path = check.path, .head_only = true};
  }
  request.fields.emplace_back("user-agent", "tandem-master");
  return request;
}

Verdict judge(const Registry::Probe& probe, const std::string& challenge, const Http2Call& call,
              const HttpOutcome& outcome) {
  if (outcome.end == HttpOutcome::End::broken) {
    return failed({outcome.begun ? FailureKind::unhealthy : FailureKind::reset, call.why()});
  }
  if (!outcome.answered()) return verdict_on(outcome);
  if (call.end() != Http2Call::End::answered) return failed({FailureKind::unhealthy, call.why()});
  const auto& answer = call.answer();
  if (!probe.key.empty()) {
    const bool is_itself =
        answer.field("tandem-answer") == wire::answer_to_challenge(challenge, probe.key);
    return is_itself ? Verdict() : failed(FailureKind::unhealthy);
  }
  if (!probe.check.kind.is_grpc) {
    return probe.check.expects(answer.status) ? Verdict()
                                              : failed({FailureKind::unhealthy, answer.status});
  }
  auto problem = grpc_health_problem(answer);
  return problem.empty() ? Verdict() : failed({FailureKind::unhealthy, std::move(problem)});
}

bool is_asked_in_http2(const Registry::Probe& probe) {
  const bool by_grpc = probe.key.empty() && probe.check.kind.is_grpc;
  return by_grpc || probe.protocol == wire::WorkerProtocol::http2;
}

// A backend with one address may use the whole time-out for the connection.
HttpCallOptions options_of(const HealthCheck& check) {
  return {.total_max = check.timeout,
          .connect_max = check.timeout,
          .answer = {.head_bytes_max = limits::response_head_bytes_max,
                     .body_bytes_max = answer_bytes_read_max,
                     .keeps_body = false},
          .head_only = true};
}

// The same questions over TLS.
struct SecureProbe {
  std::shared_ptr<Http2Call> http2;               // null: it is asked in HTTP/1
  std::shared_ptr<Http1Conversation> http1;       // null: it is asked in HTTP/2
  std::shared_ptr<TlsConversation> conversation;  // around one of them
};

SecureProbe secure_probe(const Registry::Probe& probe, const std::string& challenge,
                         const std::shared_ptr<Http2Call>& http2) {
  SecureProbe secure{.http2 = http2, .http1 = {}, .conversation = {}};
  using Speaks = tandem::tls::WorkerTls::Speaks;
  if (http2 != nullptr) {
    secure.conversation = std::make_shared<TlsConversation>(probe.tls, Speaks::http2, http2);
    return secure;
  }
  auto question = question_to(probe, challenge);
  secure.http1 = std::make_shared<Http1Conversation>(
      std::move(question.method), std::move(question.target), std::move(question.fields),
      options_of(probe.check).answer);
  secure.conversation = std::make_shared<TlsConversation>(probe.tls, Speaks::http1, secure.http1);
  return secure;
}

// A handshake that has failed is never taken for a refused connection: something lives there.
Verdict judge(const Registry::Probe& probe, const std::string& challenge, const SecureProbe& secure,
              HttpOutcome outcome) {
  const auto& why = secure.conversation->why();
  if (!why.empty()) return failed({FailureKind::unhealthy, "TLS: " + why});
  if (outcome.end == HttpOutcome::End::broken && !secure.conversation->is_secure()) {
    return failed({FailureKind::unhealthy, "TLS: it has closed the connection"});
  }
  if (secure.http2 != nullptr) return judge(probe, challenge, *secure.http2, outcome);
  if (!outcome.answered()) return verdict_on(outcome);
  if (!secure.http1->is_answered()) return failed(FailureKind::unhealthy);
  outcome.answer = std::move(secure.http1->answer());
  return judge(probe, challenge, outcome);
}

}  // namespace

Prober::Prober(asio::io_context& loop, Registry& registry)
    : loop_(loop),
      registry_(registry),
      timer_(loop),
      calls_(loop),
      random_(std::random_device{}()) {}

Prober::~Prober() = default;

void Prober::watch(WorkerId id) {
  if (stopped_) return;
  spread_.erase(id);
  if (const auto place = places_.find(id); place != places_.end()) {
    if (place->second == due_.end())
      return;  // a probe is under way; the next one is scheduled when it ends
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
  while (!due_.empty() && due_.begin()->first <= now && under_way_ < limits::probes_max) {
    const auto id = due_.begin()->second;
    due_.erase(due_.begin());
    places_[id] = due_.end();
    auto target = registry_.probe_target(id);
    if (!target) {
      places_.erase(id);
      spread_.erase(id);
      continue;
    }
    ++under_way_;
    asio::co_spawn(loop_, probe(id, std::move(*target)), asio::detached);
  }
  // When all places are taken, the end of a probe starts the next one.
  if (due_.empty() || under_way_ >= limits::probes_max) return;
  timer_.expires_at(due_.begin()->first);
  timer_.async_wait([this](error_code error) {
    if (!error && !stopped_) start_due_probes();
  });
}

asio::awaitable<void> Prober::probe(WorkerId id, Registry::Probe asked) {
  const auto challenge = asked.key.empty() ? std::string() : wire::new_challenge();
  std::shared_ptr<Http2Call> http2;
  if (is_asked_in_http2(asked)) {
    http2 = std::make_shared<Http2Call>(http2_question_to(asked, challenge));
  }
  auto options = options_of(asked.check);
  if (asked.announced) options.preamble = wire::proxy_header_of_ours();
  SecureProbe secure;
  std::shared_ptr<Conversation> conversation = http2;
  if (asked.tls != nullptr) {
    secure = secure_probe(asked, challenge, http2);
    conversation = secure.conversation;
  }
  auto calling = conversation == nullptr
                     ? calls_.call(asked.addresses, question_to(asked, challenge), options)
                     : calls_.call(asked.addresses, conversation, options);
  const auto outcome = co_await std::move(calling);
  --under_way_;
  if (stopped_) co_return;
  const auto verdict = asked.tls != nullptr ? judge(asked, challenge, secure, outcome)
                       : http2 == nullptr   ? judge(asked, challenge, outcome)
                                            : judge(asked, challenge, *http2, outcome);
  if (verdict.conclusive) {
    const auto current = verdict.failure ? id : registry_.found_at(id, outcome.address);
    if (current != id) {
      places_.erase(id);
      if (spread_.erase(id) > 0) spread_.insert(current);
      id = current;
    }
    registry_.probe_result(id, verdict.failure, now());
  }
  const auto probe = registry_.probe_target(id);
  const auto interval = (probe ? probe->check : asked.check).interval;
  const bool first = spread_.insert(id).second;
  schedule(id, first ? random_.up_to(interval) : interval * 9 / 10 + random_.up_to(interval / 5));
}

void Prober::stop() {
  stopped_ = true;
  timer_.cancel();
  due_.clear();
  places_.clear();
  calls_.cancel();
}

}  // namespace tandem::master
