// consul_documents.hpp: services and workers as a Consul agent tells of them (its HTTP API, v1),
// and as Prometheus' HTTP service discovery reads them. Pure.
//
// A worker is a node of its own with one service instance, whose id is the worker's name. Only what
// clients of discovery read is there: names, addresses, tags, weights and the state as a check.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/wire/status.hpp"

namespace tandem::master {

inline constexpr std::string_view consul_datacenter = "tandem";

// {"web": ["http1"], ...}: each service, with the tags of its workers.
std::string consul_services(const std::vector<wire::WorkerStatus>& workers);

// /v1/health/service: those of the service; `passing`: that get traffic, alone.
std::string consul_health(const std::vector<wire::WorkerStatus>& workers, std::string_view service,
                          bool passing);
// /v1/catalog/service: the same as a flat list, without checks.
std::string consul_catalog(const std::vector<wire::WorkerStatus>& workers,
                           std::string_view service);

// The agent that answers, as far as clients ask for it.
std::string consul_self(std::string_view node);

// [{"targets": ["10.0.0.7:9001"], "labels": {"__meta_tandem_service": "web", ...}}, ...]
std::string prometheus_targets(const std::vector<wire::WorkerStatus>& workers);

}  // namespace tandem::master
