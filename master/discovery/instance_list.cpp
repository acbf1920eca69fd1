#include "master/discovery/instance_list.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/canonical_host.hpp"
#include "common/base/printable.hpp"
#include "common/wire/limits.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace {
constexpr std::size_t quoted_max = 80;   // bytes of what a registry says
constexpr std::size_t reason_max = 200;  // bytes; one may quote it, too
}  // namespace

void InstanceCollector::take(std::string_view what, Endpoint address, unsigned weight) {
  if (!address.is_numeric() || address.port == 0 || address.is_unspecified()) {
    const auto shown = fmt::format("{}:{}", address.host.substr(0, quoted_max), address.port);
    return skip(what, fmt::format("\"{}\" is no IP address with a port", printable(shown)));
  }
  list_.instances.push_back(
      {{canonical_host(address.host), address.port}, std::min(weight, limits::weight_max)});
}

void InstanceCollector::skip(std::string_view what, std::string_view why) {
  ++list_.skipped_count;
  if (list_.skipped.size() >= limits::source_skipped_told_max) return;
  list_.skipped.push_back(fmt::format("{}: {}", printable(what.substr(0, quoted_max)),
                                      printable(why.substr(0, reason_max))));
}

InstanceList InstanceCollector::list() && {
  auto& instances = list_.instances;
  std::sort(instances.begin(), instances.end());
  const auto is_same = [](const ListedInstance& a, const ListedInstance& b) {
    return a.address == b.address;
  };
  instances.erase(std::unique(instances.begin(), instances.end(), is_same), instances.end());
  if (instances.size() > limits::source_instances_max) {
    const auto beyond = instances.size() - limits::source_instances_max;
    instances.resize(limits::source_instances_max);
    skip(fmt::format("{} instances", beyond),
         fmt::format("more than {} of a source are not taken", limits::source_instances_max));
    list_.skipped_count += beyond - 1;
  }
  return std::move(list_);
}

}  // namespace tandem::master
