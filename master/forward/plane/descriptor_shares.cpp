#include "master/forward/plane/descriptor_shares.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "master/forward/plane/limits.hpp"

namespace tandem::master {

std::size_t descriptors() {
  rlimit limit{};
  const bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? limit.rlim_cur : std::numeric_limits<std::size_t>::max();
}

std::size_t clients_among(std::size_t descriptors, unsigned loops) {
  const auto least = limits::descriptors_kept_min + loops * limits::descriptors_kept_per_loop;
  const auto kept = std::max(least, descriptors / 8);
  const auto rest = descriptors > kept ? descriptors - kept : 0;
  const auto workers = std::min(rest / 2, limits::descriptors_for_workers_max);
  return std::clamp<std::size_t>(rest - workers, 1, limits::client_connections_max);
}

}  // namespace tandem::master
