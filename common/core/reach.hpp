// reach.hpp: which voters a master that does not lead reaches.
//
// The primary hears from every voter, and cannot see whether the others hear each other. Only a
// master that would have to win an election without it knows that, and only if it asks: so it asks
// every other voter now and then whether it would vote for it. That is a pre-vote, which changes
// nothing at the voter, and its answer takes exactly the way that a vote would take.
//
// A voter is reached once it has answered, and no longer after `unanswered_max` questions in a row
// that had an interval each to be answered. Questions are counted, and not the time: a process that
// was stopped asks less, and blames nobody for it.
//
// Units: Instants of the node's clock. Owner: the core, any thread.
// Always: a voter that has answered nothing is not reached.
#pragma once

#include <map>
#include <vector>

#include "common/base/time.hpp"
#include "common/core/ids.hpp"

namespace tandem::core {

class Reach {
 public:
  static constexpr unsigned unanswered_max = 3;

  // Between two questions to a voter. Zero: none is asked.
  explicit Reach(Duration interval) : interval_(interval) {}

  bool asks() const { return interval_ > Duration::zero(); }
  // Who is asked follows from these two, and is asked at once when one of them changes.
  struct Occasion {
    LogIndex configuration;  // the entry that made the voters such
    MemberId primary;
    friend bool operator==(const Occasion&, const Occasion&) = default;
  };
  // Whether the next round of questions is due, and when it is.
  bool is_due(const Occasion& occasion, Instant now) const { return due(occasion, now) <= now; }
  Instant due(const Occasion& occasion, Instant now) const {
    return occasion == occasion_ ? due_ : now;
  }
  // These voters are being asked now; others are forgotten.
  void asked(const std::vector<MemberId>& voters, const Occasion& occasion, Instant now);
  void answered(const MemberId& voter);
  // What was known is too old, but for these: they have just answered something else.
  void forget_all_but(const std::vector<MemberId>& voters);
  bool reaches(const MemberId& voter) const;

 private:
  Duration interval_;
  Instant due_ = Instant::never();
  Occasion occasion_;
  std::map<MemberId, unsigned> unanswered_;  // questions in a row
};

}  // namespace tandem::core
