// consul_source.hpp: the instances of a service that pass their checks, as a Consul agent tells
// them, by blocking queries of /v1/health/service.
#pragma once

#include <cstdint>
#include <optional>
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

}  // namespace tandem::master
