// consul_documents.hpp: services and workers as a Consul agent tells of them (its HTTP API, v1),
// and as Prometheus' HTTP service discovery reads them. Pure.
//
// A worker is a node of its own with one service instance, whose id is the worker's name, or the
// one that it registered with (registration.hpp), whose tags, meta and checks it has then. Only
// what clients of discovery read is there: names, addresses, tags, weights and the state as a
// check.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/status.hpp"
#include "master/control/discovery/registered_workers.hpp"
#include "master/control/discovery/registrations.hpp"

namespace tandem::master {

inline constexpr std::string_view consul_datacenter = "tandem";

// The workers, and what is registered of them. All outlive it.
struct WorkersSeen {
  std::vector<wire::WorkerStatus> workers;
  const Registrations& registrations;
  Instant now;
};

// {"web": ["http1"], ...}: each service, with the tags of its workers.
std::string consul_services(const WorkersSeen& seen);

// Of the instances of a service those that have all `tags`; `passing`: that get traffic, alone.
struct InstancesWanted {
  std::string_view service;
  bool passing = false;
  std::vector<std::string> tags{};
};
// /v1/health/service
std::string consul_health(const WorkersSeen& seen, const InstancesWanted& wanted);
// /v1/catalog/service: the same as a flat list, without checks.
std::string consul_catalog(const WorkersSeen& seen, const InstancesWanted& wanted);

// The agent that answers, as far as clients ask for it.
std::string consul_self(std::string_view node);

// [{"targets": ["10.0.0.7:9001"], "labels": {"__meta_tandem_service": "web", ...}}, ...]
std::string prometheus_targets(const WorkersSeen& seen);

// What has registered with the agent. All outlive it.
struct RegistrationsSeen {
  const Registrations& registrations;
  const RegisteredWorkers& workers;
  std::optional<std::string> owner;  // whose they are; unset: all are seen
  Instant now;
};
// /v1/agent/services and /v1/agent/checks: by ID.
std::string consul_agent_services(const RegistrationsSeen& seen);
std::string consul_agent_checks(const RegistrationsSeen& seen, std::string_view node);

}  // namespace tandem::master
