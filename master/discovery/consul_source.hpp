// consul_source.hpp: the instances of a service that pass their checks, as a Consul agent tells
// them, by blocking queries of /v1/health/service.
//
// The index follows Consul's rules: one that goes back, or is missing, is forgotten, and it is
// never 0 in a query that is to block.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "master/discovery/registry_client.hpp"
#include "master/discovery/source.hpp"

namespace tandem::master {

class ConsulSource final : public Source {
 public:
  ConsulSource(boost::asio::io_context& loop, SourceSpec spec)
      : spec_(std::move(spec)), client_(loop, spec_) {}

  boost::asio::awaitable<Result<InstanceList>> read(When when) override;
  void cancel() override { client_.cancel(); }

 private:
  Result<HttpRequest> request(bool blocks) const;

  const SourceSpec spec_;
  RegistryClient client_;
  std::optional<std::uint64_t> index_;  // of the last answer
};

// Pure. Errors: `invalid`: it is no list of instances.
Result<InstanceList> read_consul_instances(std::string_view json);
// The index for the next query, by that of the last one and X-Consul-Index: nothing: the next query
// does not block.
std::optional<std::uint64_t> next_consul_index(std::optional<std::uint64_t> last,
                                               std::string_view field);

}  // namespace tandem::master
