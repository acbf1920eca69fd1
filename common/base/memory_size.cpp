#include "common/base/memory_size.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace tandem {

namespace {

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

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

}  // namespace

std::uint64_t usable_memory(const std::string& root) {
  const auto least = std::min(machine_memory(root), groups_memory(root));
  return least == unlimited ? 0 : least;
}

}  // namespace tandem
