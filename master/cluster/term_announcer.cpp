#include "master/cluster/term_announcer.hpp"

#include <boost/asio.hpp>

#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/http/http1_conversation.hpp"
#include "common/http/http_call.hpp"
#include "common/http/tls_conversation.hpp"
#include "common/http1/limits.hpp"
#include "common/http2/http2_call.hpp"
#include "common/wire/proxy_protocol.hpp"
#include "common/wire/term_proof.hpp"
#include "master/cluster/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr unsigned conflict = 409;

// No term: it is only visited.
HttpRequest word_of(Term term, const TermTaker& worker) {
  HttpRequest word{.method = "OPTIONS", .target = "*"};
  if (term == Term()) return word;
  word.fields = fmt::format("Tandem-Term: {}\r\n", wire::proven_term(term, worker.key));
  return word;
}

Http2Request http2_word_of(Term term, const TermTaker& worker) {
  Http2Request word{.method = "OPTIONS", .path = "*", .head_only = true};
  if (term == Term()) return word;
  word.fields = {{"tandem-term", wire::proven_term(term, worker.key)}};
  return word;
}

// How a worker is told.
struct Announcement {
  Announcement(Term term, const TermTaker& worker, const AnswerLimits& limits) {
    using Speaks = tandem::tls::WorkerTls::Speaks;
    const bool by_http2 = worker.protocol == wire::WorkerProtocol::http2;
    if (by_http2) {
      conversation = http2 = std::make_shared<Http2Call>(http2_word_of(term, worker));
    } else if (worker.tls != nullptr) {
      auto word = word_of(term, worker);
      conversation = http1 = std::make_shared<Http1Conversation>(
          std::move(word.method), std::move(word.target), std::move(word.fields), limits);
    }
    if (worker.tls == nullptr) return;
    conversation = std::make_shared<TlsConversation>(
        worker.tls, by_http2 ? Speaks::http2 : Speaks::http1, conversation);
  }

  // The higher term that the worker has promised already; nothing: it has promised this one, or
  // says nothing that counts.
  std::optional<Term> promised(const HttpOutcome& outcome, const std::string& key) const {
    if (http2 != nullptr) {
      if (http2->answer().status != conflict) return std::nullopt;
      return wire::read_proven_term(http2->answer().field("tandem-term"), key);
    }
    const auto& answer = http1 != nullptr ? http1->answer() : outcome.answer;
    if (answer.status != conflict) return std::nullopt;
    return wire::read_proven_term(answer.field("Tandem-Term"), key);
  }

  std::shared_ptr<Http2Call> http2{};            // null: HTTP/1
  std::shared_ptr<Http1Conversation> http1{};    // null: HTTP/2, or in clear
  std::shared_ptr<Conversation> conversation{};  // null: HTTP/1 in clear
};

}  // namespace

struct TermAnnouncer::Round {
  Round(asio::io_context& loop, Term announced, std::vector<TermTaker> all)
      : term(announced), workers(std::move(all)), timer(loop), calls(loop) {}

  Term term;
  std::vector<TermTaker> workers;
  std::size_t next = 0;     // the next worker to tell
  std::size_t telling = 0;  // coroutines at work
  asio::steady_timer timer;
  HttpCalls calls;
  bool over = false;
};

TermAnnouncer::TermAnnouncer(asio::io_context& loop, Duration patience, Hooks hooks)
    : loop_(loop), patience_(patience), hooks_(std::move(hooks)), visits_(loop) {}

void TermAnnouncer::announce(Term term, std::vector<TermTaker> workers) {
  stop();
  const auto round = std::make_shared<Round>(loop_, term, std::move(workers));
  round_ = round;
  round->timer.expires_after(round->workers.empty() ? Duration::zero() : patience_);
  round->timer.async_wait([this, round](error_code) { finish(round); });
  const auto at_once = std::min(round->workers.size(), limits::announcements_max);
  round->telling = at_once;
  for (std::size_t i = 0; i < at_once; ++i) asio::co_spawn(loop_, tell(round), asio::detached);
}

// Attempts to tell the others continue until they time out.
void TermAnnouncer::finish(const std::shared_ptr<Round>& round) {
  if (round->over || round != round_) return;
  round->over = true;
  if (round->telling > 0) {
    log::warn("some workers have not heard of the term term={} workers={}", round->term,
              round->telling);
  }
  hooks_.announced(round->term);
}

void TermAnnouncer::stop() {
  if (round_ == nullptr) return;
  round_->over = true;
  round_->timer.cancel();
  round_->calls.cancel();
  round_.reset();
}

void TermAnnouncer::end() {
  stop();
  visits_.cancel();
}

void TermAnnouncer::prepare(const std::vector<TermTaker>& workers, Instant now) {
  decltype(visited_) unprepared;
  for (const auto& worker : workers) {
    if (worker.tls == nullptr || worker.tls->is_prepared()) continue;
    const auto known = visited_.find(worker.tls);
    auto& next = unprepared[worker.tls];
    if (known != visited_.end()) next = known->second;
    if (next > now || visiting_ >= limits::visits_max) continue;
    next = now + limits::visit_pause;
    ++visiting_;
    asio::co_spawn(loop_, visit(worker), asio::detached);
  }
  visited_ = std::move(unprepared);
}

asio::awaitable<void> TermAnnouncer::visit(TermTaker worker) {
  HttpCallOptions options{.total_max = limits::connect_max, .head_only = true};
  options.answer.head_bytes_max = limits::response_head_bytes_max;
  if (worker.announced) options.preamble = wire::proxy_header_of_ours();
  const Announcement word(Term(), worker, options.answer);
  const std::vector<Endpoint> addresses{worker.address};
  auto visiting = visits_.call(addresses, word.conversation, options);
  co_await std::move(visiting);
  --visiting_;
}

asio::awaitable<void> TermAnnouncer::tell(std::shared_ptr<Round> round) {
  while (round->next < round->workers.size() && round == round_) {
    const auto worker = round->workers[round->next++];
    // Each call has its own deadline, beyond the round's, so that a slow worker is told
    // nevertheless.
    HttpCallOptions options{.total_max = limits::connect_max, .head_only = true};
    options.answer.head_bytes_max = limits::response_head_bytes_max;
    if (worker.announced) options.preamble = wire::proxy_header_of_ours();
    const Announcement announcement(round->term, worker, options.answer);
    const std::vector<Endpoint> addresses{worker.address};
    auto telling = announcement.conversation == nullptr
                       ? round->calls.call(addresses, word_of(round->term, worker), options)
                       : round->calls.call(addresses, announcement.conversation, options);
    const auto outcome = co_await std::move(telling);
    const auto promised = announcement.promised(outcome, worker.key);
    if (promised && *promised > round->term && round == round_) hooks_.higher(*promised);
  }
  if (--round->telling == 0 && !round->over) round->timer.cancel();
}

}  // namespace tandem::master
