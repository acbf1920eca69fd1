// exchange.hpp: one request and its response: choose a worker, try it, and try another where that
// is safe.
//
// Safe means (RFC 9110 §9.2.2): nothing of the request was sent; or the method is idempotent and
// nothing of a response was passed on. Everything else is answered 502 or 504, never silently sent
// again. A body of known length up to limits::replay_bytes_max is gathered before a worker is
// chosen, so that a slow client holds no worker and the request can be sent again; other bodies are
// streamed, once. Owner: the client session, on its loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "master/forward/attempt.hpp"
#include "master/forward/loop.hpp"

namespace tandem::master {

class Exchange {
 public:
  // `in` starts with the head that was parsed into `request`, whose framing is sound.
  // `client_trusted`: the client is a proxy of ours.
  Exchange(Loop& loop, Socket& client, std::string_view client_address, bool client_trusted,
           Buffer& in, RequestHead& request);

  // With Ending::keep, `in` starts with what has arrived of the next request.
  Task<Ending> run();

  // For the access log, once run() has ended.
  const AccessNote& note() const { return client_.note; }
  std::string_view request_id() const;

  // Makes run() end soon; the client's socket is closed already. Callable while run() is suspended.
  void abort();

 private:
  bool is_too_large() const;
  bool has_come_round() const;
  Task<bool> gather_body();
  Task<Attempt::Outcome> try_workers();
  Task<std::shared_ptr<Upstream>> choose();
  Task<UpstreamConnectionPtr> connect_to(std::shared_ptr<Upstream> upstream);
  bool may_try_again(Attempt::Outcome outcome, bool request_sent, unsigned tries) const;
  void note_failure(Upstream& upstream, Attempt::Outcome outcome);
  void suspect(Upstream& upstream, FailureKind kind);
  Task<Ending> answer_failure(Attempt::Outcome outcome);
  Task<Ending> answer(unsigned status, std::string_view code, std::string message);
  Task<Ending> answer_as_final_recipient();
  bool stays_after_answer() const;
  Task<Ending> send_answer(Buffer out, unsigned status, std::size_t body_bytes, bool keep);

  Loop& loop_;
  ClientSide client_;
  RequestIds::Id made_id_;
  Service* service_ = nullptr;
  Tried tried_;
  std::optional<Attempt> attempt_;
  Socket* connecting_ = nullptr;
  Deadline deadline_;
  Ending ending_ = Ending::close;
  bool distrust_idle_ = false;  // an idle connection was stale: look before using another
  bool was_full_ = false;       // workers there were, but no room in time
  bool passed_on_ = false;
  unsigned client_status_ = 0;  // what to answer when the client's body failed; 0: it is gone
  bool aborted_ = false;
};

}  // namespace tandem::master
