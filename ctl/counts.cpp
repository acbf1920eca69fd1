#include "ctl/counts.hpp"

#include <map>

#include <fmt/format.h>

namespace tandem::ctl {

namespace {

// Its requests may be passed on to the workers by itself: it leads, it holds a grant, or nobody is
// known who would.
bool forwards(const wire::Status& status) {
  return status.role == "primary" || status.grant_ms || !status.primary;
}

std::optional<Endpoint> address_of_primary(const wire::Status& status) {
  auto control = parse_endpoint(status.primary->control, "control");
  if (!control || control->is_unspecified()) return std::nullopt;
  return *control;
}

void take(wire::WorkerStatus& worker, const wire::WorkerStatus& counted) {
  worker.in_flight = counted.in_flight;
  worker.requests = counted.requests;
  worker.failures = counted.failures;
  worker.failures_in_a_row = counted.failures_in_a_row;
  if (worker.reason.empty() && worker.state == "up") worker.reason = counted.reason;
}

}  // namespace

std::optional<wire::Status> ask_primary(const ControlClient& client, const wire::Status& status) {
  if (forwards(status)) return std::nullopt;
  const auto control = address_of_primary(status);
  if (!control) return std::nullopt;
  const auto answer = client.at(*control).get("/status");
  if (!answer) return std::nullopt;
  auto told = wire::parse_status(*answer);
  if (!told) return std::nullopt;
  return std::move(*told);
}

Counts take_counts(const ControlClient& client, wire::Status& status) {
  if (forwards(status)) return {.by = status.node};
  const auto told = ask_primary(client, status);
  const auto& leads = status.primary->node;
  if (!told) {
    return {.by = status.node,
            .note = fmt::format("requests and failures are those that {} has counted: {}, which "
                                "passes requests to the workers, cannot be asked from here",
                                status.node, leads)};
  }
  std::map<std::string_view, const wire::WorkerStatus*> counted;
  for (const auto& worker : told->workers) counted.emplace(worker.name, &worker);
  for (auto& worker : status.workers) {
    const auto found = counted.find(worker.name);
    take(worker, found == counted.end() ? wire::WorkerStatus() : *found->second);
  }
  return {.by = told->node,
          .client = client.at(*address_of_primary(status)),
          .note = fmt::format("requests and failures are those that {} has counted, which passes "
                              "requests to the workers",
                              told->node)};
}

}  // namespace tandem::ctl
