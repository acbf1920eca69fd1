// etcd_source.hpp: the instances of a service in etcd, by the JSON gateway of its third API: one
// key for each, in the naming format of its Go client, which vanishes with its lease.
//
//   web/10.0.0.1:8080 -> {"Op": 0, "Addr": "10.0.0.1:8080", "Metadata": ...}
//
// A watch only says that something has changed; then all keys are read. It begins behind the
// revision of the last list, so nothing is missed, and a watch that is cancelled, compacted away or
// silent costs no more than another list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "master/discovery/etcd_session.hpp"
#include "master/discovery/source.hpp"

namespace tandem::master {

class EtcdSource final : public Source {
 public:
  EtcdSource(boost::asio::io_context& loop, SourceSpec spec);

  boost::asio::awaitable<Result<InstanceList>> read(When when) override;
  void cancel() override { session_.cancel(); }

 private:
  boost::asio::awaitable<Result<>> watch();

  const SourceSpec spec_;
  const std::string prefix_;  // of the keys
  EtcdSession session_;
  std::optional<std::uint64_t> revision_;  // of the last list
};

}  // namespace tandem::master
