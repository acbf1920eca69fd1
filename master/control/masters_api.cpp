#include "master/control/masters_api.hpp"

#include <algorithm>

#include "common/http/api_response.hpp"
#include "common/wire/masters.hpp"

namespace tandem::master {

namespace {

bool votes(const cluster::ClusterView& view, std::string_view name) {
  return std::any_of(view.voters.begin(), view.voters.end(), [&](const auto& voter) {
    return voter.name == name && voter.kind == core::VoterKind::master;
  });
}

wire::Masters masters_of(const NodeView& node, const ClusterMember& member) {
  const auto& view = member.view();
  wire::Masters list;
  if (view.cluster.value() != 0) list.cluster = fmt::format("{}", view.cluster);
  list.node = node.node;
  list.primary = view.primary.name();
  list.term = view.term;
  list.masters.push_back({.name = node.node,
                          .control = node.control.to_string(),
                          .listen = node.listen ? node.listen->to_string() : "",
                          .votes = view.votes});
  for (const auto& [name, addresses] : view.masters) {
    list.masters.push_back({.name = name,
                            .control = addresses.control.to_string(),
                            .listen = addresses.listen ? addresses.listen->to_string() : "",
                            .votes = votes(view, name)});
  }
  std::sort(list.masters.begin(), list.masters.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return list;
}

}  // namespace

void route_masters(ApiRouter& router, const NodeView& node, const ClusterMember& member) {
  router.add("GET", "/v1/masters", [&node, &member](const ControlRequest&, std::string_view) {
    return document(wire::to_json(masters_of(node, member)));
  });
}

}  // namespace tandem::master
