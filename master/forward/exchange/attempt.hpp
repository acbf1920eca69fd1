// attempt.hpp: one request at one worker, or at the primary, over one connection: send it, receive
// the answer, pass it on.
//
// It has two parts: ask() ends when a final answer is at hand that can be passed on, pass() passes
// it on. Between them nothing of the answer has reached the client, so that another attempt can
// take its place.
//
// An attempt is never repeated by itself: it reports precisely how it ended, and the exchange
// decides (exchange.hpp). A short response is passed on when it is whole, so that a worker that
// dies in the middle of it costs the client nothing; one that does not say its length is held for a
// moment, if another attempt could follow. Longer ones are streamed through one buffer. A worker is
// sent nothing unless the gate is open at that very moment. Owner: the exchange, on its context.
#pragma once

#include <optional>
#include <string_view>

#include "master/forward/access_log/note.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "common/http1/body_framing.hpp"
#include "master/forward/exchange/attempt_result.hpp"
#include "master/forward/exchange/client_side.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/exchange/primary_route.hpp"
#include "master/forward/exchange/request_body.hpp"
#include "master/forward/exchange/request_times.hpp"
#include "master/forward/http/sender.hpp"
#include "master/forward/exchange/watched_deadline.hpp"

namespace tandem::master {

// What is at the other end of an attempt. "Worker" below means either where it does not matter.
enum class Hop { worker, primary };

class Attempt : private UnansweredRequest {
 public:
  using Outcome = AttemptOutcome;

  // `traceparent`: in place of the client's; empty: that is passed on. It outlives this.
  Attempt(Context& context, ClientSide& client, Service& service, WorkerCallPtr call, Hop hop,
          std::string_view traceparent);
  ~Attempt();

  // Unset: an answer is at hand. Set: the attempt has ended that way, and pass() must not be
  // called.
  Task<std::optional<Outcome>> ask();
  Task<Outcome> pass();
  // Stops what still runs. The result, unless null, must be awaited before the attempt is
  // destroyed.
  OneShotEvent* stop();
  // Makes ask() end soon, since another attempt has an answer. The worker is not blamed.
  void lose_race();
  // How it ended with `outcome`, or how far it has come.
  AttemptResult result(Outcome outcome);
  bool has_begun_response() const { return result_.response_begun; }
  // The term that the worker was sent; 0 for a worker that takes none.
  Term term() const { return term_; }
  // When the worker began to be sent the request; the boot of the machine: it was not.
  Instant sent_at() const { return sent_at_; }
  // Of the answer; 0: there is none yet.
  unsigned status() const { return response_.status(); }
  // Makes it end soon; the client has gone already. Callable while it is suspended.
  void abort();

 private:
  // ---- attempt.cpp
  std::optional<Outcome> begin_request();
  std::optional<Outcome> note_sent(const MessageStream::Sent& sent);
  bool must_hold_body() const;
  void begin_body();
  void send_body();
  std::optional<Outcome> parse_head(HeadStatus& status);
  void await_answer();
  bool awaits_short_body() const;
  Task<std::optional<Outcome>> receive_short_body();
  bool awaits_unknown_body() const;
  Task<std::optional<Outcome>> hold_answer();
  bool read_first_chunks();
  Duration body_idle() const;
  Duration response_head() const;
  void discard_answer();
  bool has_retry_status();
  bool is_unwanted_answer() const;
  std::optional<Outcome> refusal();
  bool is_term_refusal();
  bool is_not_primary() const;
  bool says_connection_expired() const;
  bool request_complete() const;
  bool is_clean() const;
  bool may_read() const;
  bool take(const IoResult& got);
  void abandon() override;
  Outcome worker_gone() const;
  std::optional<Outcome> why_given_up() const;
  bool client_broke_off() const;
  bool may_leave_answer() const;
  void finish_call();
  void report_outcome(Outcome outcome);
  void report_latency(Experience experience);
  void cancel();

  // ---- attempt_answer.cpp: what reaches the client
  Task<std::optional<Outcome>> give_word();
  Task<bool> pass_interim();
  std::string_view answer_trailers() const;
  bool must_tell_how_a_call_ends(Framing framing) const;
  Task<bool> end_broken_call();
  Framing framing_for_client() const;
  ResponseContext response_context() const;
  void write_head(Framing framing, bool keep_alive);
  void note_passed(const MessageStream::Sent& sent);
  unsigned passed_status() const;
  void count_answer();
  void release_worker();
  bool can_follow() const;
  bool client_stays() const;
  bool may_switch_protocols() const;
  Task<Outcome> pass_tunnel();
  WorkerCounters& counters() { return upstream_.counters(); }

  Context& context_;
  ClientSide& client_;
  Service& service_;
  WorkerCallPtr call_;  // null once it is finished
  Upstream& upstream_;  // kept alive by its ChosenWorker
  const Hop hop_;
  const std::string_view traceparent_;
  MessageStream& worker_;  // of the call
  std::optional<RequestBodyPump> pump_;
  Buffer out_;                     // a head on its way out; no block meanwhile
  WrittenHead* fields_ = nullptr;  // that head as fields, until it is sent; null: out_ is its text
  Buffer worker_in_;               // what the worker sent and is not passed on yet
  BodyReader reader_;
  std::optional<BodyReader::Step> first_step_;  // of chunks that came with the head
  ResponseHead& response_;
  WatchedDeadline deadline_;
  Deadline word_;  // of the primary, for which the body is held
  std::optional<LeadershipWatch>
      leadership_watch_;  // at the primary, until the first byte of an answer
  Term term_;
  Instant sent_at_;  // when the request began to be sent
  AttemptResult result_{.was_chosen = true};
  bool lost_race_ = false;
  bool abandoned_ = false;
  bool aborted_ = false;
  bool sent_ = false;            // the head, and the body that was gathered
  bool holds_body_ = false;      // until the primary says that a worker takes the request
  bool tunnels_ = false;         // after 101
  bool answered_early_ = false;  // before the request was sent whole
  unsigned interim_responses_ = 0;
};

}  // namespace tandem::master
