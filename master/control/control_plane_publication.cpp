// The part of ControlPlane that says who publishes, and where masters serve.
#include "common/base/clock.hpp"
#include "master/control/control_plane_parts.hpp"

namespace tandem::master {

void ControlPlane::Parts::open_publication(const ControlPlaneOptions& options) {
  published.emplace(PublishedWorkers::Sources{
      .loop = loop,
      .registry = registry,
      .may_publish = [this] { return gate.open_at(now()).has_value(); },
      .leads =
          [this] {
            const auto cluster = member->view().cluster;
            if (closed || cluster.value() == 0 || !member->may_decide(now())) {
              return PublishingMaster();
            }
            return PublishingMaster{.cluster = fmt::format("{}", cluster), .node = node.node};
          },
      .masters = [this] { return serving_masters(); },
      .record = [this](Event event) { record(std::move(event)); }});
  published->set(options.publications);
}

// Where this master and those that answer it serve clients.
std::vector<Endpoint> ControlPlane::Parts::serving_masters() const {
  std::vector<Endpoint> all;
  if (node.listen && !node.listen->is_unspecified()) {
    all.push_back(*node.listen);
  } else if (node.listen && !node.control.is_unspecified()) {
    all.push_back({node.control.host, node.listen->port});
  }
  if (!standby_serves) return all;
  const auto& view = member->view();
  for (const auto& voter : view.voters) {
    const auto master = view.masters.find(voter.name);
    const bool answers = !voter.silent_since && !voter.unheard;
    if (answers && master != view.masters.end() && master->second.listen) {
      all.push_back(*master->second.listen);
    }
  }
  return all;
}

}  // namespace tandem::master
