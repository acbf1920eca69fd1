#include "master/cluster/masters_file.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <spdlog/spdlog.h>

#include "common/wire/limits.hpp"

namespace tandem::master {

namespace {
constexpr const char* file_name = "masters.json";
}  // namespace

std::optional<wire::Masters> load_masters(const std::string& directory) {
  std::ifstream file(std::filesystem::path(directory) / file_name);
  if (!file) return std::nullopt;
  std::string text(limits::control_body_bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto masters = wire::parse_masters(text);
  if (!masters) {
    spdlog::warn("the masters are not known file={} reason=\"{}\"", file_name,
                 masters.error().message);
    return std::nullopt;
  }
  return std::move(*masters);
}

void save_masters(const std::string& directory, const wire::Masters& masters) {
  const auto path = std::filesystem::path(directory) / file_name;
  const auto draft = std::filesystem::path(directory) / "masters.json.new";
  std::ofstream file(draft, std::ios::trunc);
  file << wire::to_json(masters) << '\n';
  file.close();
  std::error_code failed;
  if (file) std::filesystem::rename(draft, path, failed);
  if (!file || failed) spdlog::warn("the masters cannot be kept file={}", path.string());
}

}  // namespace tandem::master
