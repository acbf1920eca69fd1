#include "master/control/view_events.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/cluster/protection.hpp"

namespace tandem::master {

std::vector<Event> ViewEvents::next(const cluster::ClusterView& view, const std::string& role,
                                    Instant now) {
  tell_role(view, role);
  tell_voters(view, now);
  tell_disks(view);
  if (view.ended && !ended_) {
    tell(EventKind::role, node_, fmt::format("{} no longer takes part", node_)).reason =
        view.failure;
  }
  ended_ = view.ended;
  return std::exchange(told_, {});
}

Event& ViewEvents::tell(EventKind kind, std::string subject, std::string text) {
  return told_.emplace_back(
      Event{.kind = kind, .subject = std::move(subject), .text = std::move(text)});
}

void ViewEvents::tell_role(const cluster::ClusterView& view, const std::string& role) {
  const std::string primary(view.primary.name());
  const bool leads_anew = role == "primary" && view.term != term_;
  if (role == role_ && primary == primary_ && !leads_anew) return;
  std::string text = fmt::format("{} knows no primary", node_);
  if (role == "primary") text = fmt::format("{} leads, in term {}", node_, view.term);
  if (role == "standby") text = fmt::format("{} stands by, {} leads", node_, primary);
  auto& event = tell(EventKind::role, node_, std::move(text));
  event.before = role_;
  event.after = role;
  if (role == "candidate") event.reason = view.waiting;
  role_ = role;
  primary_ = primary;
  term_ = view.term;
}

void ViewEvents::tell_voters(const cluster::ClusterView& view, Instant now) {
  std::string names;
  std::set<std::string> silent;
  for (const auto& voter : view.voters) {
    names += (names.empty() ? "" : ", ") + voter.name;
    if (voter.silent_since) silent.insert(voter.name);
  }
  if (view.voters_committed && names != voters_) {
    auto& event = tell(EventKind::voters, "",
                       names.empty() ? "there are no voters" : fmt::format("{} vote", names));
    event.before = std::exchange(voters_, names);
    event.after = names;
  }
  const bool is_new = std::any_of(view.voters.begin(), view.voters.end(),
                                  [](const auto& voter) { return voter.unheard; });
  if (view.told_by.empty() || is_new) return;  // who answers is not known
  for (const auto& name : silent) {
    if (!silent_.contains(name))
      tell(EventKind::voters, name, fmt::format("{} does not answer", name));
  }
  for (const auto& name : silent_) {
    if (!silent.contains(name) && (", " + names + ",").find(" " + name + ",") != names.npos) {
      tell(EventKind::voters, name, fmt::format("{} answers again", name));
    }
  }
  silent_ = std::move(silent);
  if (protected_ == view.is_protected) return;
  protected_ = view.is_protected;
  auto& event = tell(EventKind::protection, "",
                     view.is_protected ? "protected: any single loss is survived"
                                       : "not protected: one more loss may end service");
  event.reason = cluster::protection(view, node_, now);
  event.after = view.is_protected ? "protected" : "not protected";
}

void ViewEvents::tell_disks(const cluster::ClusterView& view) {
  std::map<std::string, std::string> disks;
  const auto* const what = view.coordinator ? "use the coordinator" : "write its log";
  const auto* const again = view.coordinator ? "uses it" : "writes";
  if (!view.failure.empty() && !view.ended) disks[node_] = view.failure;
  for (const auto& voter : view.voters) {
    if (!voter.disk_failure.empty()) disks.emplace(voter.name, voter.disk_failure);
  }
  for (const auto& [name, why] : disks) {
    if (disks_.contains(name)) continue;
    tell(EventKind::disk, name, fmt::format("{} cannot {}", name, what)).reason = why;
  }
  for (const auto& [name, why] : disks_) {
    if (!disks.contains(name)) tell(EventKind::disk, name, fmt::format("{} {} again", name, again));
  }
  disks_ = std::move(disks);
}

}  // namespace tandem::master
