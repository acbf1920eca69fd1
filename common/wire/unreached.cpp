#include "common/wire/unreached.hpp"

#include "common/base/name.hpp"
#include "common/core/limits.hpp"

namespace tandem::wire {

namespace {
constexpr std::string_view separator_of_voters = ", ";
}  // namespace

std::string unreached_to_string(const std::vector<core::NodeId>& voters) {
  std::string text;
  for (const auto& voter : voters) {
    if (!text.empty()) text += separator_of_voters;
    text += voter.name();
  }
  return text;
}

std::vector<core::NodeId> parse_unreached(std::string_view field) {
  std::vector<core::NodeId> voters;
  while (!field.empty()) {
    const auto end = field.find(separator_of_voters);
    const auto name = field.substr(0, end);
    if (!is_name(name) || voters.size() == limits::voters_max) return {};
    voters.emplace_back(name);
    if (end == field.npos) break;
    field.remove_prefix(end + separator_of_voters.size());
    if (field.empty()) return {};
  }
  return voters;
}

}  // namespace tandem::wire
