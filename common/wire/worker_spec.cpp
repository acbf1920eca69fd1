#include "common/wire/worker_spec.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

// 127.0.0.1:80 is named 127.0.0.1-80, [::1]:80 is named --1-80: a name may have only these
// characters.
std::string name_of_worker_at(const Endpoint& address) {
  auto name = address.host + "-" + std::to_string(address.port);
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

std::string to_json(const WorkerSpec& spec) {
  return dump({{"name", spec.name},
               {"address", spec.address.to_string()},
               {"service", spec.service},
               {"weight", spec.weight},
               {"connections", spec.connections}});
}

Result<WorkerSpec> parse_worker_spec(std::string_view json) {
  const auto document = parse_object(json, limits::control_body_bytes_max);
  if (!document.ok()) return document.error();
  WorkerSpec spec;
  MemberReader reader(*document);
  reader.numeric_endpoint("address", spec.address);
  if (spec.address.is_unspecified()) {
    reader.refuse("address", "must be an address that can be connected to");
  }
  reader.name("name", spec.name, Presence::optional);
  reader.name("service", spec.service, Presence::optional);
  reader.number("weight", spec.weight, 0, limits::weight_max, Presence::optional);
  reader.number("connections", spec.connections, 1, limits::worker_connections_max,
                Presence::optional);
  const auto finished = reader.finish(UnknownMembers::refuse);
  if (!finished.ok()) return finished.error();
  if (spec.name.empty()) spec.name = name_of_worker_at(spec.address);
  return spec;
}

}  // namespace tandem::wire
