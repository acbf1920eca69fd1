#include "worker/src/known_masters.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "common/base/name.hpp"
#include "common/core/limits.hpp"

namespace tandem {

namespace {
std::string file_in(const std::string& directory) { return directory + "/masters"; }
}  // namespace

std::vector<KnownMaster> parse_known_masters(std::string_view text) {
  std::vector<KnownMaster> masters;
  std::istringstream words{std::string(text)};
  std::string word;
  while (masters.size() < limits::masters_max && words >> word) {
    const auto equals = word.find('=');
    if (equals == word.npos) continue;
    auto name = word.substr(0, equals);
    auto control = parse_endpoint(word.substr(equals + 1), "masters");
    const bool usable = control && control->port != 0 && !control->is_unspecified();
    if (is_name(name) && usable) masters.push_back({std::move(name), std::move(*control)});
  }
  return masters;
}

std::string to_string(const std::vector<KnownMaster>& masters) {
  std::string text;
  for (const auto& master : masters) {
    text +=
        fmt::format("{}{}={}", text.empty() ? "" : " ", master.name, master.control.to_string());
  }
  return text;
}

std::vector<KnownMaster> load_known_masters(const std::string& directory) {
  std::ifstream file(file_in(directory));
  std::string line;
  std::getline(file, line);
  return parse_known_masters(line);
}

void save_known_masters(const std::string& directory, const std::vector<KnownMaster>& masters) {
  const auto path = file_in(directory);
  const auto whole = path + ".new";
  {
    std::ofstream file(whole, std::ios::trunc);
    file << to_string(masters) << '\n';
    if (!file.flush()) return;
  }
  std::rename(whole.c_str(), path.c_str());
}

}  // namespace tandem
