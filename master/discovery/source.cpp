#include "master/discovery/source.hpp"

#include <utility>

#include "master/discovery/consul_source.hpp"
#include "master/discovery/etcd_source.hpp"
#include "master/discovery/zookeeper_source.hpp"

namespace tandem::master {

std::unique_ptr<Source> make_source(boost::asio::io_context& loop, SourceSpec spec) {
  switch (spec.kind) {
    case SourceSpec::Kind::consul: return std::make_unique<ConsulSource>(loop, std::move(spec));
    case SourceSpec::Kind::etcd: return std::make_unique<EtcdSource>(loop, std::move(spec));
    case SourceSpec::Kind::zookeeper: break;
  }
  return std::make_unique<ZooKeeperSource>(loop, std::move(spec));
}

}  // namespace tandem::master
