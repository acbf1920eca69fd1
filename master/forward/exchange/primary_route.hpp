// primary_route.hpp: who leads the cluster, as one loop knows it; the connections over which a
// standby passes requests on to the primary; and the requests that wait for a primary.
//
// To a standby the primary is a service with one upstream, whose connections are kept alive.
// Waiting requests are woken by each publication of a Leadership, and on the loop's tick when the
// gate is found open. Their number is bounded by limits::takeover_waiters_max, their time by the
// exchange. Owner: the context.
#pragma once

#include <cstdint>
#include <list>

#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/stream/message_stream.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/exchange/former_primaries.hpp"
#include "master/registry/leadership.hpp"

namespace tandem::master {

class PrimaryRoute;

// Watches the leadership while a request was passed on to a primary and nothing of the answer has
// come. A frozen primary keeps its connections open and says nothing. So when another master leads,
// the request is given up: at once if it may be sent once more; else when the old one, which may
// only have handed over and goes on with what it has, shows no sign of life (FormerPrimaries)
// within limits::superseded_answer_max. It is asked again and again.
class LeadershipWatch : public IntrusiveListMember<LeadershipWatch> {
 public:
  enum class Repeatable { no, yes };
  // `stream` leads to `primary`, and is cancelled when the request is given up there.
  LeadershipWatch(PrimaryRoute& route, const Upstream& primary, MessageStream& stream,
                  Repeatable repeatable);
  ~LeadershipWatch();

  bool given_up() const { return given_up_; }

 private:
  friend class PrimaryRoute;
  void supersede();
  void ask();
  void give_up();

  PrimaryRoute& route_;
  const Upstream& primary_;
  MessageStream& stream_;
  Deadline patience_;
  const Repeatable repeatable_;
  bool superseded_ = false;
  bool given_up_ = false;
};

class PrimaryRoute {
 public:
  explicit PrimaryRoute(Context& context);
  ~PrimaryRoute();
  PrimaryRoute(const PrimaryRoute&) = delete;
  PrimaryRoute& operator=(const PrimaryRoute&) = delete;

  // Sets who leads, and wakes all waiting requests.
  void publish(LeadershipPtr leadership);
  const Leadership& leadership() const { return *leadership_; }
  // Why clients cannot be served; empty while they can be: by this master, by the primary that
  // requests are passed on to, or after an election that has just begun, for which requests wait.
  std::string_view not_ready(Instant now) const;
  // This master may forward to workers now: in this term or a later one, or under a grant.
  bool is_open(Instant now, Term at_least) const;
  // Grows with each publication.
  std::uint64_t version() const { return version_; }
  // The primary as a service of one worker. It has no worker until another node was known to lead,
  // and while this one leads.
  Service& service() { return service_; }

  struct Wait {
    std::uint64_t seen = 0;  // the version after which the caller decided to wait
    Term at_least;           // the gate counts as open from this term on
    Duration timeout{0};
  };
  enum class WaitResult { changed, timed_out, client_gone, refused };
  // Until another version is published, or the gate is open. `client` is watched meanwhile;
  // `may_probe` as in WatchedDeadline.
  Task<WaitResult> wait_for_change(MessageStream& client, bool may_probe, Wait wait);
  // Wakes those for whom the gate is open now. One look at an empty list when nobody waits.
  void look_at_gate(Instant now);
  // The loop ends: every waiting request is refused.
  void refuse_all();

 private:
  friend class LeadershipWatch;
  struct Waiter;   // a request that waits
  struct Waiting;  // the awaitable

  void follow_primary();
  void judge_former(const Upstream& master, bool is_there);
  void resume_later(Waiter& waiter, WaitResult outcome);

  Context& context_;
  LeadershipPtr leadership_;
  std::uint64_t version_ = 0;
  Instant primary_lost_ = Instant::never();  // when this node last stopped knowing a primary
  std::uint64_t primaries_ = 0;              // that were seen so far: the source of their ids
  Service service_;
  std::list<Waiter*> waiters_;
  IntrusiveList<LeadershipWatch> watches_;
  FormerPrimaries former_;
  bool stopping_ = false;
};

}  // namespace tandem::master
