// zookeeper_names.hpp: how entries are nodes of ZooKeeper, in the JSON of Curator's service
// discovery:
//
//   /services/web/tandem-7120431-a-1009a3-10.0.0.1:8080
//     -> {"name":"web","id":"tandem-...","address":"10.0.0.1","port":8080,...}
//
// The id, which is the node's name, is the cluster, the master, its session and the address. So it
// says whose it is, and a master never has to wait for another's node to vanish before it can make
// its own. The payload is null, which readers of whatever type of payload take.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "master/publication/published_entry.hpp"
#include "master/publication/publisher.hpp"

namespace tandem::master {

// With the slash before it.
std::string zookeeper_service_path(std::string_view root, std::string_view service);
std::string zookeeper_id_of(const PublishedEntry& entry, const PublishingMaster& master,
                            std::int64_t session);
std::string curator_document(const PublishedEntry& entry, std::string_view id,
                             std::int64_t registered_ms);
// The address in the name of a node that a master of that cluster has made; nothing: it is not.
std::optional<Endpoint> address_of_node(std::string_view name, std::string_view cluster);

}  // namespace tandem::master
