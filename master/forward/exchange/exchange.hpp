// exchange.hpp: one request and its response: choose a worker, ask it, and ask another one where
// that is safe; pass the request on to the primary while another master leads.
//
// run() calls the phases in their order; those that may refuse the request say with what. forward()
// is the middle of it: choose, ask, pass. How an attempt ended decides what follows (verdict.hpp).
// A body up to limits::replay_bytes_max is gathered before a worker is chosen, so that a slow
// client holds no worker and the request can be sent again; other bodies are streamed, once.
//
// Workers are sent requests while the ServingGate is open, at no other moment. While it is closed
// the Leadership says where a request goes: to the primary, or nowhere, and then it waits for
// limits::takeover_wait_max. Owner: the client session, on its context.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "master/forward/exchange/chosen_worker.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/exchange/verdict.hpp"
#include "master/forward/http/h1/head_writer.hpp"

namespace tandem::master {

class Exchange {
 public:
  // `in` starts with the head that was parsed into `request`, whose framing is sound. All outlive
  // it.
  Exchange(Context& context, MessageStream& client, const Sender& sender, Buffer& in,
           RequestHead& request);

  // With Ending::keep, `in` starts with what has arrived of the next request.
  Task<Ending> run();

  // For the access log, once run() has ended.
  const AccessNote& note() const { return client_.note; }
  bool is_grpc() const { return client_.is_grpc; }
  // The code of HTTP/2 with which the worker broke its answer off; unset: it did not, or not so.
  std::optional<std::uint32_t> reset_code() const { return last_.reset_code; }
  std::string_view request_id() const;

  // Makes run() end soon; whatever waits for the client has failed already. Callable while run() is
  // suspended.
  void abort();

 private:
  // What this master answers instead of a worker; unset: the request goes on.
  using EarlyAnswer = std::optional<LocalResponse>;

  Task<> forward();
  Verdict judge(const AttemptResult& result);
  metrics::ServiceCounts& counts() { return context_.request_counts().of(service_name_); }

  // ---- exchange_head.cpp: what the head alone decides
  bool asks_for_health() const;
  void classify();
  bool comes_from_a_standby() const;
  bool has_right_pass() const;
  bool is_said_to_be_passed_on() const;
  EarlyAnswer refuse_misdirected() const;
  void adopt_client_of_standby();
  EarlyAnswer limit_rate() const;
  EarlyAnswer limit_methods() const;
  EarlyAnswer limit_size() const;
  EarlyAnswer demand_certificate() const;
  bool meets_other_readings(std::string_view shown) const;
  std::string_view path() const;
  void find_route();
  Service* own_service();
  bool has_no_route() const;
  void set_deadline();
  void set_deadline_of_grpc();
  EarlyAnswer refuse_loop() const;
  void set_request_id();

  // ---- exchange_plain.cpp: what becomes of requests that came without TLS
  enum class PlainAnswer { none, challenge, redirect };
  PlainAnswer answer_to_plain() const;
  Task<Ending> answer_plain(PlainAnswer answer);
  Task<Ending> answer_challenge();
  Task<Ending> redirect_to_https();

  // ---- exchange_body.cpp: what is here of the body before a worker is chosen
  Task<std::optional<Ending>> gather_body();
  bool may_gather() const;
  bool make_room_for_body();
  bool take_body(std::size_t bytes);
  Task<Ending> answer_bad_body(unsigned status);

  // ---- exchange_choice.cpp: where the request goes
  bool may_serve() const;
  Destination find_destination() const;
  bool choose();
  bool choose_now();
  Task<bool> wait_for_choice();
  AttemptResult not_chosen(bool all_full) const;
  Service::PickCriteria pick_criteria(const ExcludedWorkers& excluded) const;
  Duration time_left_for_suspects();

  // ---- exchange_attempts.cpp: one attempt
  Task<> ask(ChosenWorker& chosen, std::uint64_t seen);
  std::string announced_client() const;
  Task<WorkerCallPtr> connect_to(ChosenWorker& chosen);
  Task<AttemptResult> pass(ChosenWorker& chosen);
  void blame(Upstream& upstream, const AttemptResult& result);
  void note_refused_tls(Upstream& upstream, unsigned alert);
  void count_failure(Upstream& upstream);
  void note_promised_term(Term promised);

  // ---- exchange_tracing.cpp: the part that this master takes in a trace
  void begin_trace();
  void begin_span(AttemptTrace& trace) const;
  void end_span(const ChosenWorker& chosen, AttemptOutcome outcome) const;
  void note_wait(Instant since) const;

  // ---- exchange_hedging.cpp: a second worker when the first takes long
  std::optional<Duration> hedge_delay() const;
  bool choose_second(ChosenWorker& second);
  Task<AttemptResult> ask_two(Duration delay);

  // ---- exchange_waits.cpp: what is waited for between two attempts
  Task<> wait_before_repeating(std::uint64_t seen);
  Task<> back_off();
  Task<> await_leadership(std::uint64_t seen);
  Task<> await_resources();

  // ---- exchange_answers.cpp: what this master says itself
  Task<Ending> answer_failure();
  Task<Ending> answer_not_served();
  LocalResponse describe(Failure failure, std::string& room) const;
  Task<Ending> answer(unsigned status, std::string_view code, std::string_view message);
  Task<Ending> answer(LocalResponse response);
  Task<Ending> answer_unread(LocalResponse response);
  Task<Ending> answer_as_final_recipient();
  Task<Ending> answer_health();
  bool stays_after_answer() const;
  Task<Ending> send_answer(Buffer out, unsigned status, std::size_t body_bytes, bool keep);

  Context& context_;
  ClientSide client_;
  RequestIds::Id made_id_;
  AddressText peer_of_master_;          // room for an address that another master tells
  RouteTablePtr routes_;                // null: there are none, all goes to the default service
  const wire::Route* route_ = nullptr;  // of routes_; null: none leads this request elsewhere
  std::optional<RequestOptions> route_options_;
  std::optional<ForwardTimeouts> grpc_timeouts_;
  std::string_view service_name_;
  ServiceUse own_service_;      // of service_name_; none: not found yet
  Service* service_ = nullptr;  // that is asked: the own one, or the primary
  Destination destination_ = Destination::workers;
  ChosenWorker chosen_;                // the last one
  ChosenWorker* second_ = nullptr;     // while a hedged request is at two workers
  QueueEntry* queue_entry_ = nullptr;  // while it waits for room
  ExcludedWorkers excluded_;
  AttemptHistory history_;
  AttemptResult last_;                      // how the last attempt ended
  Verdict verdict_;                         // what follows from that
  Term term_needed_;                        // a worker has promised it
  std::optional<Instant> suspects_until_;   // a suspect is waited for at most
  std::optional<Instant> resources_until_;  // so is the end of a shortage of this master
  Deadline deadline_;
  bool aborted_ = false;
};

}  // namespace tandem::master
