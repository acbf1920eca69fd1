#include "master/named_files.hpp"

#include <algorithm>
#include <array>

#include "common/base/limits.hpp"
#include "common/base/secret.hpp"
#include "common/base/small_file.hpp"

namespace tandem::master {

namespace {

// Those whose values are files, or contain some: CERT.pem,KEY.pem and ca=FILE.
constexpr std::array<std::string_view, 11> keys_with_files{
    "tls",         "client-ca",   "cluster-ca",      "cluster-cert",
    "cluster-key", "tokens-file", "cluster-revoked", "token-file",
    "service",     "discover",    "publish"};

bool has_files(std::string_view key) {
  key = key.substr(0, key.find('.'));
  return std::find(keys_with_files.begin(), keys_with_files.end(), key) != keys_with_files.end();
}

// Each part of a value that may be a path.
template <class Visit>
void for_each_part(std::string_view value, Visit visit) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    const auto part = value.substr(0, comma);
    visit(part.substr(part.rfind('=') == part.npos ? 0 : part.rfind('=') + 1));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

}  // namespace

FileContents contents_of_files(const Configuration& configuration) {
  FileContents contents;
  for (const auto& key : configuration.keys) {
    if (!has_files(key.key)) continue;
    for (const auto& value : key.values) {
      for_each_part(value, [&](std::string_view part) {
        const std::string path(part);
        const auto text = read_small_file(path, limits::config_bytes_max);
        if (text) contents[{key.key, path}] = digest(*text);
      });
    }
  }
  return contents;
}

std::vector<std::string> keys_with_other_content(const FileContents& before,
                                                 const FileContents& after) {
  std::vector<std::string> keys;
  for (const auto& [place, content] : after) {
    const auto known = before.find(place);
    if (known == before.end() || known->second == content) continue;
    if (keys.empty() || keys.back() != place.first) keys.push_back(place.first);
  }
  return keys;
}

}  // namespace tandem::master
