// exchange.hpp: one request and its response: choose a worker, ask it, and ask another one where
// that is safe; pass the request on to the primary while another master leads.
//
// Safe means (RFC 9110 §9.2.2): nothing of the request was sent; or the method is idempotent, by
// that RFC or by the service's retry_methods, and nothing of a response was passed on. In all other
// cases the client is told 502 or 504, and the request is not sent again. A body up to
// limits::replay_bytes_max is gathered before a worker is chosen, so that a slow client holds no
// worker and the request can be sent again; other bodies are streamed, once.
//
// Workers are sent requests while the ServingGate is open, at no other moment. While it is closed
// the Leadership says where a request goes: to the primary, or nowhere, and then it waits for
// limits::takeover_wait_max. Owner: the client session, on its context. exchange_attempts.cpp,
// exchange_body.cpp and exchange_answers.cpp are parts of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/exchange/chosen_worker.hpp"

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
  std::string_view request_id() const;

  // Makes run() end soon; whatever waits for the client has failed already. Callable while run() is
  // suspended.
  void abort();

 private:
  bool is_too_large() const;
  bool asks_for_health() const;
  Duration rate_limit_delay() const;
  bool is_loop() const;
  bool comes_from_a_standby() const;
  void adopt_client_of_standby();
  void find_route();
  void note_grpc();
  void give_grpc_its_time();
  Service* own_service();
  bool has_no_route() const;

  // ---- exchange_body.cpp: what is here of the body before a worker is chosen
  Task<std::optional<Ending>> gather_body();
  bool may_gather() const;
  bool make_room_for_body();
  bool take_body(std::size_t bytes);
  Task<Ending> answer_bad_body(unsigned status);

  // ---- exchange_attempts.cpp: where the request goes
  enum class Destination {
    workers,  // this master serves it
    primary,  // another one leads: it is passed on
    wait,     // nobody is known to lead, or this one does and may not serve yet
    none,     // it is answered here: see answer_unserved()
  };
  enum class Next { again, wait, stop };
  enum class WaitResult { over, in_vain, client_gone };
  bool may_serve() const;
  Destination find_destination() const;
  Task<Attempt::Outcome> serve();
  Task<Attempt::Outcome> attempt_once(std::uint64_t seen);
  Task<> ask(ChosenWorker& each, std::uint64_t seen);
  Task<Attempt::Outcome> conclude(ChosenWorker& each);
  Service::PickCriteria pick_criteria(const ExcludedWorkers& excluded) const;
  bool choose_now();
  Task<> wait_for_choice();
  Duration time_left_for_suspects();
  Task<bool> await_resources();
  Task<WorkerCallPtr> connect_to(ChosenWorker& each);
  void note_failure(Upstream& upstream, Attempt::Outcome outcome);
  void count_failure(Upstream& upstream);
  void note_promised_term(Term promised);
  Next what_next(Attempt::Outcome outcome);
  Next after_worker(Attempt::Outcome outcome);
  bool may_try_again_after(Attempt::Outcome outcome);
  Task<> back_off();
  Next after_primary(Attempt::Outcome outcome);
  bool may_resend(Attempt::Outcome outcome);
  Task<WaitResult> wait_for_primary(std::uint64_t seen);

  // ---- exchange_hedging.cpp: a second worker when the first takes long
  std::optional<Duration> hedge_delay() const;
  bool choose_second(ChosenWorker& second);
  Task<Attempt::Outcome> attempt_hedged(Duration delay);

  // ---- exchange_answers.cpp: what this master says itself
  Task<Ending> answer_failure(Attempt::Outcome outcome);
  Task<Ending> answer_worker_failure(Attempt::Outcome outcome);
  Task<Ending> answer_unserved();
  Task<Ending> answer(unsigned status, std::string_view code, std::string message);
  Task<Ending> answer(LocalResponse response);
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
  QueueEntry* queue_entry_ = nullptr;  // while it waits for room
  ChosenWorker* second_ = nullptr;     // of a request that is hedged, while it is under way
  ExcludedWorkers excluded_;
  Deadline deadline_;
  Ending ending_ = Ending::close;
  bool distrust_idle_ = false;  // an idle connection was stale: look before using another
  bool was_full_ = false;       // workers there were, but no room in time
  bool passed_on_ = false;
  bool answer_begun_ = false;
  bool request_sent_ = false;  // of the last attempt: some of it
  bool body_spent_ = false;    // some of a streamed body was
  // How the last attempt ended that a worker is to blame for, and that was connected.
  std::optional<Attempt::Outcome> failed_with_;
  bool gate_was_closed_ = false;   // look before another attempt
  bool no_primary_ = false;        // waited for one in vain
  bool may_ask_again_ = false;     // the last answer: another worker is asked if there is one
  unsigned attempts_counted_ = 0;  // that may have been seen
  Term term_needed_;               // a worker has promised it
  std::optional<Instant> wait_until_;
  std::optional<Instant> suspects_until_;   // a suspect is waited for at most
  std::optional<Instant> resources_until_;  // so is the end of a shortage of this master
  unsigned client_status_ = 0;  // what to answer when the client's body failed; 0: it is gone
  bool aborted_ = false;
};

}  // namespace tandem::master
