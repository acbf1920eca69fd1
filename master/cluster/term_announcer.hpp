// term_announcer.hpp: before it forwards, a new primary tells the workers its term (R10).
//
// Each live Tandem worker gets OPTIONS * (RFC 9110 §9.3.7) with Tandem-Term, proven by the worker's
// key (common/wire/term_proof.hpp); the worker promises to refuse lower terms from then on, or
// answers 409 with the higher term that it has promised already, proven likewise. A worker that
// does not answer delays the primary by `patience` at most: the lease already keeps two primaries
// apart, and the worker learns the term from its first request.
//
// Owner: the control loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"
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
  void stop();

 private:
  struct Round;
  boost::asio::awaitable<void> tell(std::shared_ptr<Round> round);
  void finish(const std::shared_ptr<Round>& round);

  boost::asio::io_context& loop_;
  const Duration patience_;
  Hooks hooks_;
  std::shared_ptr<Round> round_;
};

}  // namespace tandem::master
