#include "common/base/memory_size.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace tandem {

namespace {

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

// A process that has used up what its limits allow still has what it works with.
constexpr std::uint64_t smallest = 1 << 20;

// MemTotal of /proc/meminfo, which is in KiB.
std::uint64_t machine_memory(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    std::uint64_t number = 0;
    if (name != "MemTotal:") {
      std::getline(file, name);
    } else if (file >> number >> unit && unit == "kB") {
      return number * 1024;
    }
  }
  return unlimited;
}

// "max" is not a number: no limit.
std::uint64_t limit_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : unlimited;
}

// The lowest of the limits of the group and of those above it. In a container the directory of the
// group itself may be the only one that is visible.
std::uint64_t group_limit(const std::string& mount, std::string group, const std::string& file) {
  auto least = limit_in(mount + "/" + file);
  while (group.size() > 1) {
    least = std::min(least, limit_in(mount + group + "/" + file));
    group.resize(group.rfind('/'));
  }
  return least;
}

bool lists_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    if (comma == controllers.npos) break;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

// Lines of /proc/self/cgroup are NUMBER:CONTROLLERS:GROUP; version 2 has 0 and no controllers.
std::uint64_t groups_memory(const std::string& root) {
  auto least = unlimited;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos || line.compare(second + 1, 1, "/") != 0) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const auto group = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, group_limit(root + "/sys/fs/cgroup", group, "memory.max"));
    } else if (lists_memory(controllers)) {
      least = std::min(least,
                       group_limit(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t left_of(__rlimit_resource_t resource, std::uint64_t used) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  return limit.rlim_cur - std::min<std::uint64_t>(used, limit.rlim_cur);
}

// What the limits of this process leave, less a third for stacks and the like: of all that it maps,
// and of its data. The first and the sixth number of statm are those in pages, proc(5).
std::uint64_t process_memory(const std::string& root) {
  std::ifstream file(root + "/proc/self/statm");
  std::uint64_t mapped = 0, data = 0, other = 0;
  if (!(file >> mapped >> other >> other >> other >> other >> data)) return unlimited;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto left = std::min(left_of(RLIMIT_AS, mapped * page), left_of(RLIMIT_DATA, data * page));
  return left == unlimited ? left : left / 3 * 2;
}

}  // namespace

std::uint64_t usable_memory(const std::string& root) {
  const auto least = std::min({machine_memory(root), groups_memory(root), process_memory(root)});
  return least == unlimited ? 0 : std::max(least, smallest);
}

}  // namespace tandem
