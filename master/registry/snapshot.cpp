#include "master/registry/snapshot.hpp"

#include <algorithm>

namespace tandem::master {

const SnapshotService* Snapshot::find(std::string_view name) const {
  const auto found =
      std::lower_bound(services.begin(), services.end(), name,
                       [](const auto& service, auto wanted) { return service->name < wanted; });
  return found != services.end() && (*found)->name == name ? found->get() : nullptr;
}

}  // namespace tandem::master
