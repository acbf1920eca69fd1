#include "common/cluster/protection.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tandem::cluster {

namespace {

// "a", "a or b", "a, b or c"
std::string joined(const std::vector<std::string>& names, std::string_view word) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? fmt::format(" {} ", word) : ", ";
    text += names[i];
  }
  return text;
}

// A voter that cannot write does not count for elections or commits. The messages of one that
// denies what it reported are ignored.
bool is_lost(const VoterView& voter) {
  return voter.silent_since || voter.unheard || !voter.disk_failure.empty() ||
         voter.denied.value() != 0;
}

// The living voters that this one does not reach, the primary aside.
std::vector<std::string> out_of_reach(const ClusterView& view, const VoterView& from) {
  std::vector<std::string> names;
  for (const auto& voter : view.voters) {
    const auto& unreached = from.unreached;
    const bool reached =
        std::find(unreached.begin(), unreached.end(), voter.name) == unreached.end();
    const bool counts = !is_lost(voter) && voter.name != view.primary.name();
    if (!reached && counts) names.push_back(voter.name);
  }
  return names;
}

bool goes_on_without(const ClusterView& view, const std::string& lost) {
  std::size_t living = 0;
  for (const auto& voter : view.voters) living += !is_lost(voter) && voter.name != lost;
  const bool needs_successor = lost == view.primary.name();
  return std::any_of(view.voters.begin(), view.voters.end(), [&](const VoterView& voter) {
    const bool is_candidate =
        voter.kind == core::VoterKind::master && !is_lost(voter) && voter.name != lost;
    if (!is_candidate) return false;
    if (!needs_successor) return living >= view.quorum;
    return voter.knows_voters && living - out_of_reach(view, voter).size() >= view.quorum;
  });
}

// The voters that answer, and without which service would end.
std::vector<std::string> needed(const ClusterView& view) {
  std::vector<std::string> names;
  for (const auto& voter : view.voters) {
    if (!is_lost(voter) && !goes_on_without(view, voter.name)) names.push_back(voter.name);
  }
  return names;
}

// What stands between the masters and other voters, while the voters themselves answer.
void add_troubles_of_links(const ClusterView& view, std::vector<std::string>& parts) {
  for (const auto& voter : view.voters) {
    if (is_lost(voter)) continue;
    if (!voter.knows_voters) {
      parts.push_back(fmt::format("{} does not know the newest voters yet", voter.name));
    }
    const auto names = out_of_reach(view, voter);
    if (!names.empty()) {
      parts.push_back(fmt::format("{} does not reach {}", voter.name, joined(names, "or")));
    }
  }
}

std::string troubles(const ClusterView& view, Instant now) {
  std::vector<std::string> parts;
  for (const auto& voter : view.voters) {
    if (voter.denied.value() != 0) {
      parts.push_back(fmt::format(
          "{} denies entry {}, which it had reported durable (an older copy of its directory: move "
          "it away)",
          voter.name, voter.denied));
      continue;
    }
    if (!voter.silent_since && !voter.disk_failure.empty()) {
      parts.push_back(fmt::format("{} cannot write its log ({})", voter.name, voter.disk_failure));
    }
    if (voter.unheard) parts.push_back(fmt::format("{} has not answered yet", voter.name));
    if (!voter.silent_since) continue;
    const std::chrono::duration<double> silent = now - *voter.silent_since;
    parts.push_back(fmt::format("{} has not been heard for {:.{}f} s", voter.name, silent.count(),
                                silent < 10s ? 1 : 0));
  }
  add_troubles_of_links(view, parts);
  return joined(parts, "and");
}

// A voter answers rounds without its disk, so a lease may hold while nothing can be committed.
bool a_majority_answers(const ClusterView& view) {
  const auto silent = std::count_if(view.voters.begin(), view.voters.end(), [](const auto& voter) {
    return voter.silent_since.has_value() || voter.unheard;
  });
  return view.voters.size() - static_cast<std::size_t>(silent) >= view.quorum;
}

// With a coordinator in place of voters. REQUIRES: somebody leads
std::string protection_by_coordinator(const ClusterView& view, std::string_view node) {
  if (!view.failure.empty()) {
    return fmt::format("{}: {} serves, no change can be made, and nobody could take its place",
                       view.failure, view.primary);
  }
  std::vector<std::string> others;
  if (view.primary.name() != node) others.emplace_back(node);
  for (const auto& [name, addresses] : view.masters) {
    if (name != view.primary.name()) others.push_back(name);
  }
  const auto& kind = view.coordinator->kind;
  if (others.empty()) return fmt::format("{} answers, and no other master stands by", kind);
  return fmt::format("{} answers, {} stand{} by", kind, joined(others, "and"),
                     others.size() == 1 ? "s" : "");
}

}  // namespace

// A change of the voters that is not committed may be known to the primary alone, and be lost with
// it.
bool is_protected_now(const ClusterView& view) {
  return !view.primary.empty() && view.voters_committed && view.differing.empty() &&
         goes_on_without(view, {}) && needed(view).empty();
}

std::string protection(const ClusterView& view, std::string_view node, Instant now) {
  if (view.ended) return fmt::format("{} no longer takes part and knows nothing", node);
  if (!view.differing.empty()) {
    return fmt::format(
        "{} and {} have applied the same log and have different states: standbys take over the "
        "primary's",
        node, joined(view.differing, "and"));
  }
  if (view.primary.empty()) {
    return view.waiting.empty() ? "nobody is known to lead"
                                : fmt::format("nobody is known to lead: {}", view.waiting);
  }
  if (view.coordinator) return protection_by_coordinator(view, node);
  if (!view.told_why.empty()) return fmt::format("{}, says {}", view.told_why, view.primary);
  if (view.role != core::Role::primary) {
    return fmt::format(
        "by the log of {}: {} vote, {} must answer; who answers only the primary {} "
        "knows",
        node, view.voters.size(), view.quorum, view.primary);
  }
  const auto trouble = troubles(view, now);
  if (view.is_protected && trouble.empty()) return "all voters answer";
  const bool all_answer = std::none_of(view.voters.begin(), view.voters.end(), is_lost);
  if (view.is_protected && all_answer) {
    return fmt::format("{}: any single loss would be survived", trouble);
  }
  if (view.is_protected) return fmt::format("{}: any other loss would be survived", trouble);
  if (view.pair && trouble.empty()) {
    return "two masters without a witness, which prefer availability: a worker with --state-dir "
           "would "
           "be one";
  }
  if (view.alone) return fmt::format("{}: {} continues alone", trouble, node);
  if (!goes_on_without(view, {})) {
    if (!a_majority_answers(view)) {
      return fmt::format("{}: those that answer are not a majority", trouble);
    }
    return fmt::format("{}: {} serves, and no change can be made until a majority can write",
                       trouble, node);
  }
  const auto ends = needed(view);
  if (ends.empty() && !view.voters_committed) return "a change of the voters is not committed yet";
  if (ends.empty()) return "a voter that lost its disk is counted until it is removed";
  return fmt::format("{}{}the loss of {} would end service", trouble, trouble.empty() ? "" : ": ",
                     joined(ends, "or"));
}

}  // namespace tandem::cluster
