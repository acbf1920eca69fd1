// registrations.hpp: all instances that have registered as with a Consul agent, as far as one
// master knows; what its callers ask for, and what other masters tell it. Pure.
//
// Who has registered an instance, by its token or certificate, is its owner, and nobody else can
// change it, report for it or take its id. What was changed here gets the next edition; of what
// another master tells, the greater edition counts. So all masters end with the same, in whatever
// order they hear of it.
//
// Units: `now` is tandem::now(). Owner: the control loop's thread. Always: no two live ones have
// the same worker's name or a check of the same id; the limits hold, whoever tells of one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/control/discovery/registration.hpp"

namespace tandem::master {

class Registrations {
 public:
  // `node`: this master's name.
  explicit Registrations(std::string node) : node_(std::move(node)) {}

  // ---- what callers ask for. Errors: `conflict` for what is another owner's, `not_found`,
  // `unavailable` at a limit; then nothing has changed.

  enum class Others { keep, replace };  // of its checks: those that were added by themselves
  // Registers it, or replaces what its owner has registered by that id; a check that stays keeps
  // its state. What is needed of `made` is all but the edition, the incarnation, and reports.
  Result<> put(Registration made, Others others, Instant now);
  // Takes put() back, as long as nobody has been told: there is `before` again, or nothing.
  void undo(std::string_view id, const std::optional<Registration>& before);
  Result<> remove(std::string_view id, std::string_view owner, Instant now);
  Result<> add_check(std::string_view service_id, std::string_view owner, RegisteredCheck check,
                     Instant now);
  Result<> remove_check(std::string_view check_id, std::string_view owner);
  // What a service says of itself. Errors: `conflict` as well for a check that is probed. Returns
  // the id of the registration.
  Result<std::string> report(std::string_view check_id, std::string_view owner, CheckStatus status,
                             std::string output, Instant now);

  // ---- what this master finds out
  // An operator has removed the worker, or it was critical for too long.
  void drop(std::string_view id, Instant now);
  // Notes since when checks are critical: for deregister_after.
  void note_status(std::string_view id, std::string_view check, bool is_critical, Instant now);
  // Those that have a check that is critical for longer than they want to be.
  std::vector<std::string> overdue(Instant now) const;

  // ---- what another master says
  enum class Taken {
    known,    // nothing new
    news,     // it was changed
    wanted,   // reports of what is not known: all of it is needed
    refused,  // for lack of room
  };
  Taken take(Registration told, Instant now);

  // ---- what there is
  // Null: there is none, or it was deregistered.
  const Registration* find(std::string_view id) const;
  const Registration* of_worker(std::string_view worker) const;
  // The one that has the check; null: none.
  const Registration* of_check(std::string_view check_id) const;
  // With those that were deregistered, which is_removed; by id.
  const std::map<std::string, Registration, std::less<>>& all() const { return all_; }
  std::size_t size() const { return workers_.size(); }
  // Grows with all that readers can see, save that what is reported is as it was.
  std::uint64_t version() const { return version_; }

  // Forgets the oldest of those that were deregistered.
  void forget(Instant now);

 private:
  Result<Registration*> owned(std::string_view id, std::string_view owner);
  Result<> check_room(const Registration& made, const Registration* before) const;
  Result<> check_ids(const Registration& made) const;
  void place(Registration registration, Instant now);
  void take_out(const Registration& registration);

  const std::string node_;
  std::map<std::string, Registration, std::less<>> all_;
  std::map<std::string, std::string, std::less<>> workers_;  // name of the worker -> id
  std::map<std::string, std::string, std::less<>> checks_;   // id of a check -> id
  std::map<std::string, std::size_t, std::less<>> owners_;   // -> how many
  std::map<std::string, Instant, std::less<>> removed_at_;
  std::size_t bytes_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace tandem::master
