// instance_list.hpp: the instances of a service that a registry lists. A value.
//
// What others have written there is not believed: an instance whose address is none is skipped, and
// told with the reason.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"

namespace tandem::master {

// Where nobody says one: as of workers.
inline constexpr unsigned instance_weight_unsaid = 100;

struct ListedInstance {
  Endpoint address;  // numeric, in its canonical form
  unsigned weight = instance_weight_unsaid;

  friend auto operator<=>(const ListedInstance&, const ListedInstance&) = default;
};

struct InstanceList {
  std::vector<ListedInstance> instances{};  // by address, each once; limits::source_instances_max
  std::vector<std::string>
      skipped{};  // a sentence for each of the first of those that were skipped
  std::size_t skipped_count = 0;

  friend bool operator==(const InstanceList&, const InstanceList&) = default;
};

class InstanceCollector {
 public:
  // `what`: its name in the registry, which may be anything.
  void take(std::string_view what, Endpoint address, unsigned weight = instance_weight_unsaid);
  void skip(std::string_view what, std::string_view why);
  // All of them.
  InstanceList list() &&;

 private:
  InstanceList list_;
};

}  // namespace tandem::master
