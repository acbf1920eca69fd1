// status_api.hpp: GET /status, the whole cluster as this node sees it; /primary and /standby, with
// which a load balancer finds the right node; POST /v1/switchover.
#pragma once

#include <functional>
#include <vector>

#include "common/wire/status.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/access_control.hpp"
#include "master/control/api_router.hpp"
#include "master/control/long_documents.hpp"
#include "master/control/node_view.hpp"
#include "master/control/upgrade_api.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// The states of the --vip addresses; empty: there are none.
using Vips = std::function<std::vector<wire::VipStatus>()>;
// The certificates that clients are shown; empty: there are none.
using ShownCertificates = std::function<std::vector<wire::CertificateStatus>()>;
// The registries that --discover reads, and those that --publish writes.
struct Registries {
  std::function<std::vector<wire::SourceStatus>()> sources;
  std::function<std::vector<wire::PublicationStatus>()> publications;
};

using StatusNow = std::function<wire::Status()>;

// What GET /status tells at the moment of the call, without the workers. All outlive it.
StatusNow status_of(const Registry& registry, const NodeView& node, const ClusterMember& member,
                    const AccessControl& access, const UpgradeHooks& upgrade, Vips vips,
                    ShownCertificates certificates, Registries registries);

void route_status(ApiRouter& router, StatusNow status, LongDocuments& documents);

// /primary: 200 while this node may forward; /standby: 200 while it could take over; otherwise 503
// with the reason and the lag.
void route_roles(ApiRouter& router, const NodeView& node, const ClusterMember& member);

// POST /v1/switchover {"to": NODE}, or without a body: 200 with the new primary.
void route_switchover(ApiRouter& router, ClusterMember& member);

}  // namespace tandem::master
