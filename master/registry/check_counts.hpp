// check_counts.hpp: how often a service's workers were checked, and taken out for their success
// rate, since this master started.
//
// Owner: the registry. Always: at most limits::checked_services_max services have counts of
// their own; what comes later counts as "other", so that names that come and go take no memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "master/registry/limits.hpp"

namespace tandem::master {

struct ServiceChecks {
  std::uint64_t checks_good = 0;
  std::uint64_t checks_failed = 0;
  std::uint64_t ejections = 0;  // for a success rate below the others'
};

class CheckCounts {
 public:
  ServiceChecks& of(std::string_view service) {
    const auto found = services_.find(service);
    if (found != services_.end()) return found->second;
    const bool has_room = services_.size() < limits::checked_services_max;
    return services_[has_room ? std::string(service) : "other"];
  }
  const std::map<std::string, ServiceChecks, std::less<>>& all() const { return services_; }

 private:
  std::map<std::string, ServiceChecks, std::less<>> services_;
};

}  // namespace tandem::master
