#include "master/publication/publisher.hpp"

#include <utility>

#include "master/publication/etcd_publisher.hpp"
#include "master/publication/zookeeper_publisher.hpp"

namespace tandem::master {

std::unique_ptr<Publisher> make_publisher(boost::asio::io_context& loop,
                                          const PublicationSpec& spec, MayPublish may_publish) {
  if (spec.registry.kind == SourceSpec::Kind::etcd) {
    return std::make_unique<EtcdPublisher>(loop, spec.registry, std::move(may_publish));
  }
  return std::make_unique<ZooKeeperPublisher>(loop, spec.registry, std::move(may_publish));
}

}  // namespace tandem::master
