#include "master/discovery/source.hpp"

#include <utility>

#include "master/discovery/consul_source.hpp"
#include "master/discovery/etcd_source.hpp"

namespace tandem::master {

std::unique_ptr<Source> make_source(boost::asio::io_context& loop, SourceSpec spec) {
  if (spec.kind == SourceSpec::Kind::consul) {
    return std::make_unique<ConsulSource>(loop, std::move(spec));
  }
  return std::make_unique<EtcdSource>(loop, std::move(spec));
}

}  // namespace tandem::master
