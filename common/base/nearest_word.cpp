#include "common/base/nearest_word.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "common/base/limits.hpp"

namespace tandem {

namespace {

constexpr std::size_t shortest_beginning = 3;  // below that nearly everything begins so

// Optimal string alignment: Levenshtein's distance, with exchanged neighbours as one error.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string nearest_word(std::string_view written, const std::vector<std::string>& known) {
  if (written.empty() || written.size() > limits::host_bytes_max) return {};
  const std::string* nearest = nullptr;
  std::size_t fewest = std::max<std::size_t>(written.size() / 3, 1) + 1;
  for (const auto& word : known) {
    const auto errors = distance(written, word);
    if (errors >= fewest) continue;
    fewest = errors;
    nearest = &word;
  }
  if (nearest != nullptr) return *nearest;
  for (const auto& word : known) {
    const auto shorter = std::min(word.size(), written.size());
    if (shorter >= shortest_beginning && (word.starts_with(written) || written.starts_with(word))) {
      return word;
    }
  }
  return {};
}

std::string did_you_mean(std::string_view written, const std::vector<std::string>& known,
                         std::string_view before, std::string_view after) {
  const auto meant = nearest_word(written, known);
  return meant.empty() ? "" : fmt::format("; did you mean {}{}{}?", before, meant, after);
}

}  // namespace tandem
