// zookeeper_source.hpp: the instances of a service in ZooKeeper: one node for each, below a node of
// the service; those that are ephemeral vanish with the session of who has made them.
//
// Owner: the thread of its loop.
#pragma once

#include <optional>
#include <utility>

#include "master/discovery/registry_client.hpp"
#include "master/discovery/source.hpp"

namespace tandem::master {

class ZooKeeperSource final : public Source {
 public:
  ZooKeeperSource(boost::asio::io_context& loop, SourceSpec spec)
      : spec_(std::move(spec)), client_(loop, spec_) {}

  boost::asio::awaitable<Result<InstanceList>> read(When when) override;
  void cancel() override { client_.cancel(); }

 private:
  const SourceSpec spec_;
  RegistryClient client_;
  std::optional<InstanceList> last_;
};

}  // namespace tandem::master
