#include "master/cluster/masters_file.hpp"

#include <fmt/format.h>

#include "common/wire/limits.hpp"
#include "common/base/small_file.hpp"

namespace tandem::master {

std::string masters_file_in(const std::string& directory) { return directory + "/masters.json"; }

Result<wire::Masters> load_masters(const std::string& directory) {
  const auto path = masters_file_in(directory);
  const auto unusable = [&path](const Error& error) {
    return fail(error.code, fmt::format("{} {}", path, error.message));
  };
  const auto text = read_small_file(path, limits::control_body_bytes_max);
  if (!text) return unusable(text.error());
  auto masters = wire::parse_masters(*text);
  if (!masters) return unusable(masters.error());
  return masters;
}

}  // namespace tandem::master
