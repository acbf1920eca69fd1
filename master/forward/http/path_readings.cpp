#include "master/forward/http/path_readings.hpp"

#include <algorithm>
#include <optional>

#include "common/base/ascii.hpp"
#include "common/base/assert.hpp"
#include "common/base/hex.hpp"

namespace tandem::master {

namespace {

// Servers that decode more often are not known.
constexpr int decodings_max = 3;

struct ReadingRules {
  bool merges_slashes;
  bool resolves_dots;
  bool ends_segments;  // at a semicolon or NUL; and a backslash is a slash
};

std::string decoded(std::string_view path) {
  std::string text;
  text.reserve(path.size());
  while (!path.empty()) {
    const auto byte = path.front() == '%' && path.size() > 2
                          ? from_hex(lowered(std::string(path.substr(1, 2))))
                          : std::nullopt;
    text += byte ? byte->front() : path.front();
    path.remove_prefix(byte ? 3 : 1);
  }
  return text;
}

std::string read_by(const ReadingRules& rules, std::string text) {
  if (rules.ends_segments) std::replace(text.begin(), text.end(), '\\', '/');
  std::vector<std::string_view> segments;
  std::string_view rest = std::string_view(text).substr(1);
  for (bool more = true; more;) {
    const auto slash = rest.find('/');
    more = slash != rest.npos;
    auto segment = rest.substr(0, slash);
    if (more) rest.remove_prefix(slash + 1);
    if (rules.ends_segments) {
      segment = segment.substr(0, segment.find_first_of(std::string_view(";\0", 2)));
    }
    if (segment.empty() && more && rules.merges_slashes) continue;
    if (rules.resolves_dots && segment == ".") continue;
    if (rules.resolves_dots && segment == "..") {
      if (!segments.empty()) segments.pop_back();
      continue;
    }
    segments.push_back(segment);
  }
  std::string path;
  for (const auto& segment : segments) path.append("/").append(segment);
  return path.empty() ? "/" : path;
}

}  // namespace

bool has_one_reading(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' || path[i] == ';' || path[i] == '\\') return false;
    const bool is_odd = i > 0 && path[i - 1] == '/' && (path[i] == '/' || path[i] == '.');
    if (is_odd) return false;
  }
  return true;
}

std::vector<std::string> other_readings(std::string_view path) {
  TANDEM_ASSERT(path.starts_with('/'));
  std::vector<std::string> readings;
  if (has_one_reading(path)) return readings;
  std::string text(path);
  for (int round = 0; round <= decodings_max; ++round) {
    for (unsigned rules = 0; rules < 8; ++rules) {
      readings.push_back(read_by({.merges_slashes = (rules & 1) != 0,
                                  .resolves_dots = (rules & 2) != 0,
                                  .ends_segments = (rules & 4) != 0},
                                 text));
    }
    auto next = decoded(text);
    if (next == text) break;
    text = std::move(next);
  }
  std::sort(readings.begin(), readings.end());
  readings.erase(std::unique(readings.begin(), readings.end()), readings.end());
  std::erase(readings, path);
  return readings;
}

}  // namespace tandem::master
