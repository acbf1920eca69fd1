// term_announcer.hpp: before it forwards, a new primary tells the workers its term (R10).
//
// Each live Tandem worker gets OPTIONS * (RFC 9110 §9.3.7) with Tandem-Term, proven by the worker's
// key (common/wire/term_proof.hpp); the worker promises to refuse lower terms from then on, or
// answers 409 with the higher term that it has promised already, proven likewise. A worker that
// does not answer delays the primary by `patience` at most: the lease already keeps two primaries
// apart, and the worker learns the term from its first request.
//
// A master that does not lead visits the workers that serve TLS beforehand, since the full
// handshakes of an announcement, and of the requests behind it, would come all at once otherwise.
//
// Owner: the control loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "common/http/http_call.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class TermAnnouncer {
 public:
  struct Hooks {
    std::function<void(Term)> announced;  // every worker has answered, or patience is over
    std::function<void(Term)> higher;     // a worker has promised this one
  };

  TermAnnouncer(boost::asio::io_context& loop, Duration patience, Hooks hooks);

  // Begins an announcement; one under way is abandoned. `announced` is called once for it, after
  // this has returned.
  void announce(Term term, std::vector<TermTaker> workers);
  // Begins the first, full handshake with those that are not prepared (WorkerTls), some at a time.
  // To be called now and then by a master that does not lead.
  void prepare(const std::vector<TermTaker>& workers, Instant now);
  // Ends an announcement, not the visits.
  void stop();
  // Ends both, for good.
  void end();

 private:
  struct Round;
  boost::asio::awaitable<void> visit(TermTaker worker);
  boost::asio::awaitable<void> tell(std::shared_ptr<Round> round);
  void finish(const std::shared_ptr<Round>& round);

  boost::asio::io_context& loop_;
  const Duration patience_;
  Hooks hooks_;
  std::shared_ptr<Round> round_;
  HttpCalls visits_;
  unsigned visiting_ = 0;
  // When each of those that could not be prepared may be visited again.
  std::map<std::shared_ptr<const tandem::tls::WorkerTls>, Instant> visited_;
};

}  // namespace tandem::master
