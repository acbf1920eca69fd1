// consul_answers.hpp: what a Consul agent answers to a query of /v1/health/service.
//
// The index follows Consul's rules: one that goes back, or is missing, is forgotten, and it is
// never 0 in a query that is to block.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/result.hpp"
#include "master/discovery/instance_list.hpp"

namespace tandem::master {

// Errors: `invalid`: it is no list of instances.
Result<InstanceList> read_consul_instances(std::string_view json);
// The index for the next query, by that of the last one and X-Consul-Index: nothing: the next query
// does not block.
std::optional<std::uint64_t> next_consul_index(std::optional<std::uint64_t> last,
                                               std::string_view field);

}  // namespace tandem::master
