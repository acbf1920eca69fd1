// zookeeper_node.hpp: what a node of ZooKeeper says of the instance that it stands for, in the JSON
// of Curator's service discovery (Spring Cloud writes it, too), or as an address alone:
//
//   4f1d-... -> {"name": "web", "id": "4f1d-...", "address": "10.0.0.1", "port": 8080, ...}
//   web-0000000007 -> 10.0.0.1:8080
//   10.0.0.1:8080 -> (no data)
//
// Pure; any thread.
#pragma once

#include <string_view>

#include "master/discovery/instance_list.hpp"

namespace tandem::master {

void take_zookeeper_node(InstanceCollector& collector, std::string_view name,
                         std::string_view data);

}  // namespace tandem::master
