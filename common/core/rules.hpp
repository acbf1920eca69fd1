// rules.hpp: the rules R1 to R11, each of which the simulator must be able to break.
//
// In the shipped core every rule is a compile-time constant: no switch exists. The test build
// defines TANDEM_MUTATIONS, and removes one rule at a time to prove that the simulator notices (the
// mutation gate in tests/sim). A rule that has several parts has a switch for each.
#pragma once

namespace tandem::core {

#ifdef TANDEM_MUTATIONS
#define TANDEM_RULE(name) bool name = true
#else
#define TANDEM_RULE(name) static constexpr bool name = true
#endif

struct Rules {
  TANDEM_RULE(one_vote_per_term);         // R1  a vote is given once in its term, and not forgotten
  TANDEM_RULE(persist_before_reply);      // R2  an answer waits until what it says is durable
  TANDEM_RULE(rewrite_what_was_refused);  // R2  ... what a disk refused is not taken for written
  TANDEM_RULE(
      own_vote_is_durable);  // R2  ... a candidate's own vote does not count before it is durable
  TANDEM_RULE(refuse_lower_terms);  // R3  a message of a lower term changes nothing
  TANDEM_RULE(
      outsiders_unseat_nobody);      // R3  ... nor does a higher term of a node that does not vote
  TANDEM_RULE(up_to_date_log_wins);  // R4  a vote goes to a log that is at least as complete
  TANDEM_RULE(commit_needs_majority);  // R5  committed = durable on a majority of the configuration
  TANDEM_RULE(commit_own_term_first);  // R5  ... counted only for entries of the primary's own term
  TANDEM_RULE(lease_counts_from_send);      // R6  a lease starts when the answered round was sent
  TANDEM_RULE(lapsed_lease_stops_serving);  // R7  a primary without a lease does not serve
  TANDEM_RULE(one_change_at_a_time);   // R8  a voter change waits until the one before is committed
  TANDEM_RULE(change_after_own_term);  // R8  ... and until an entry of the primary's own term is
  TANDEM_RULE(change_by_applied_state);  // R8  ... and is decided by a state that has applied that
  TANDEM_RULE(pair_ends_with_both);      // R8  ... and a pair ends once its standby has stood down
  TANDEM_RULE(amnesiacs_do_not_vote);    // R9  a member that lost its disk is a new member
  TANDEM_RULE(
      workers_refuse_lower_terms);  // R10 a worker that has heard of a term refuses older ones
  TANDEM_RULE(
      tightening_waits_for_grants);  // R11 what is taken away is so at all masters, when answered
  TANDEM_RULE(grants_of_before_are_assumed);  // R11 ... those of earlier primaries included
  TANDEM_RULE(grant_counts_from_question);    // R11 a grant starts when it was asked for
  TANDEM_RULE(grant_waits_for_state);         // R11 ... and is used once its entries are applied
  TANDEM_RULE(grant_is_for_one_run);          // R11 ... by the process that asked
  TANDEM_RULE(grants_need_a_lease);           // R11 a primary without a lease grants nothing
  TANDEM_RULE(removed_have_no_grant);         // R11 who is removed holds no grant any more
  TANDEM_RULE(primary_serves_by_its_state);   // R11 a primary serves by all that was committed
};

#undef TANDEM_RULE

#ifdef TANDEM_MUTATIONS
inline Rules rules;  // set by the mutation gate before a simulation starts
#else
inline constexpr Rules rules;
#endif

}  // namespace tandem::core
