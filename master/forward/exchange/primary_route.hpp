// primary_route.hpp: who leads the cluster, as one loop knows it, the way to the primary for what
// a standby passes on, and the requests that wait until there is a primary again.
//
// The primary is to a standby what a worker is to it: a service with one upstream, whose
// connections are kept alive. Whoever waits is woken by each publication of a Leadership, and on
// the loop's tick when the gate is found open; their number is bounded by
// limits::takeover_waiters_max, their time by the exchange. Owner: the context.
#pragma once

#include <cstdint>
#include <list>

#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/stream/message_stream.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/registry/leadership.hpp"

namespace tandem::master {

class PrimaryRoute;

// One request that was passed on, while nothing of its answer has come. A primary that froze keeps
// its connections open and says nothing, so when another one leads, the request is given up: at
// once where it may be sent again, else when the old primary has had the time that it needs if it
// only handed over (limits::superseded_answer_max).
class Passage : public IntrusiveListMember<Passage> {
 public:
  enum class Repeatable { no, yes };
  // `stream`, to `primary`, is cancelled when the passage is given up.
  Passage(PrimaryRoute& route, const Upstream& primary, MessageStream& stream,
          Repeatable repeatable);
  ~Passage();

  bool given_up() const { return given_up_; }

 private:
  friend class PrimaryRoute;
  void supersede();
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

  // Who leads from now on. Wakes all who wait.
  void publish(LeadershipPtr leadership);
  const Leadership& leadership() const { return *leadership_; }
  // Why clients cannot be served; empty while they can be: by this master, by the primary that it
  // passes them on to, or because an election, for which requests wait, has just begun.
  std::string_view not_ready(Instant now) const;
  // Grows with each publication.
  std::uint64_t version() const { return version_; }
  // The primary as a service of one worker. Of none until another node was known to lead, and
  // while this one does.
  Service& service() { return service_; }

  struct Wait {
    std::uint64_t seen = 0;  // the version that left nothing to do but wait
    Term at_least;           // the gate counts as open from this term on
    Duration timeout{0};
  };
  enum class Waited { changed, timed_out, client_gone, refused };
  // Until another version is published, or the gate is open. `client` is watched meanwhile;
  // `may_probe` as in WatchedDeadline.
  Task<Waited> wait_for_change(MessageStream& client, bool may_probe, Wait wait);
  // Wakes those for whom the gate is open now. One look at an empty list when nobody waits.
  void look_at_gate(Instant now);
  // The loop ends: who waits is refused.
  void refuse_all();

 private:
  friend class Passage;
  struct Waiter;   // one who waits
  struct Waiting;  // the awaitable

  void follow_primary();
  bool is_open(Instant now, Term at_least) const;
  void resume_later(Waiter& waiter, Waited outcome);

  Context& context_;
  LeadershipPtr leadership_;
  std::uint64_t version_ = 0;
  Instant primary_lost_ = Instant::never();  // when this node last ceased to know one
  std::uint64_t primaries_ = 0;              // that were followed so far: their ids
  Service service_;
  std::list<Waiter*> waiters_;
  IntrusiveList<Passage> passages_;
  bool stopping_ = false;
};

}  // namespace tandem::master
