#include "common/cluster/view_log.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/cluster/protection.hpp"

namespace tandem::cluster {

namespace {

class Lines {
 public:
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back({false, fmt::format(format, std::forward<Args>(args)...)});
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back({true, fmt::format(format, std::forward<Args>(args)...)});
  }
  std::vector<LogLine> take() { return std::move(lines_); }

 private:
  std::vector<LogLine> lines_;
};

const VoterView* find(const ClusterView& view, const std::string& name) {
  const auto found = std::find_if(view.voters.begin(), view.voters.end(),
                                  [&](const VoterView& voter) { return voter.name == name; });
  return found == view.voters.end() ? nullptr : &*found;
}

// "a b w1(witness)"
std::string names_of(const std::vector<VoterView>& voters) {
  std::string text;
  for (const auto& voter : voters) {
    if (!text.empty()) text += ' ';
    text += voter.name;
    if (voter.kind == core::VoterKind::witness) text += "(witness)";
  }
  return text;
}

// Changes that only the primary knows about.
void voters_changed(const ClusterView& before, const ClusterView& after, std::string_view node,
                    Lines& lines) {
  for (const auto& voter : after.voters) {
    if (voter.name == node) continue;  // it reports about itself elsewhere
    const auto* known = find(before, voter.name);
    const bool was_silent = known != nullptr && known->silent_since.has_value();
    const bool was_behind = known != nullptr && known->behind;
    if (voter.silent_since && !was_silent) lines.warn("voter silent node={}", voter.name);
    if (!voter.silent_since && was_silent) lines.info("voter answers again node={}", voter.name);
    const bool could_write = known == nullptr || known->disk_failure.empty();
    if (!voter.disk_failure.empty() && could_write) {
      lines.warn("voter cannot write its log node={} reason=\"{}\"", voter.name,
                 voter.disk_failure);
    }
    if (voter.disk_failure.empty() && !could_write) {
      lines.info("voter writes its log again node={}", voter.name);
    }
    if (voter.behind && !was_behind) {
      lines.warn("voter behind node={} entries={}", voter.name,
                 after.last.value() - std::min(after.last, voter.match).value());
    }
    if (!voter.behind && was_behind) lines.info("voter has caught up node={}", voter.name);
  }
}

}  // namespace

std::vector<LogLine> changes_between(const ClusterView& before, const ClusterView& after,
                                     std::string_view node, Instant now) {
  Lines lines;
  if (const auto voters = names_of(after.voters); voters != names_of(before.voters)) {
    lines.info("voters changed voters=\"{}\" quorum={}", voters, after.quorum);
  }
  if (after.role == core::Role::primary) {
    const bool led = before.role == core::Role::primary;
    voters_changed(led ? before : ClusterView{}, after, node, lines);
    if (after.is_protected && !(led && before.is_protected)) lines.info("protected");
    if (!after.is_protected && led && before.is_protected) {
      lines.warn("not protected reason=\"{}\"", protection(after, node, now));
    }
  }
  if (!after.waiting.empty() && after.waiting != before.waiting) {
    lines.warn("no primary reason=\"{}\"", after.waiting);
  }
  return lines.take();
}

std::string reason_of(const core::Waiting& waiting,
                      const std::function<std::string(const core::NodeId&)>& trouble) {
  std::string nodes;
  for (const auto& node : waiting.nodes) {
    auto why = trouble(node);
    if (why.empty() && waiting.what == core::Awaited::masters) {
      why =
          "reached, but not as a new master that counts this one among its --peer: if it belongs "
          "to a cluster, start this one with --join";
    }
    nodes += fmt::format("{}{}{}", nodes.empty() ? "" : ", ", node,
                         why.empty() ? std::string() : fmt::format(" ({})", why));
  }
  switch (waiting.what) {
    case core::Awaited::nothing: return {};
    case core::Awaited::masters:
      return fmt::format("waiting for {}: the first start needs all masters", nodes);
    case core::Awaited::founder: return fmt::format("waiting for {} to found the cluster", nodes);
    case core::Awaited::admission:
      return "this master does not vote in the cluster: it waits for `tandem master add`, and for "
             "the primary to bring it up to date";
    case core::Awaited::log:
      return fmt::format(
          "workers remember term {}, and no master has the log of that cluster: start a master "
          "that "
          "has it; or restore a snapshot (--restore FILE); or, to begin anew without the state, "
          "stop "
          "all, move the state directories of workers away, and start the workers first",
          waiting.term);
    case core::Awaited::votes: return fmt::format("waiting for the votes of {}", nodes);
  }
  return {};
}

}  // namespace tandem::cluster
