#include "worker/src/known_masters.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem {

namespace {

constexpr std::size_t count_max = 2 * limits::masters_max;

Result<KnownMaster> parse_known_master(const std::string& word) {
  const auto equals = word.find('=');
  const auto name = word.substr(0, equals);
  if (equals != word.npos && is_name(name)) {
    auto control = parse_endpoint(word.substr(equals + 1), "masters");
    if (control && control->port != 0) return KnownMaster{name, std::move(*control)};
  }
  return invalid(
      fmt::format("{} is not NAME=HOST:PORT", printable(word.substr(0, limits::name_bytes_max))));
}

}  // namespace

Result<std::vector<KnownMaster>> parse_known_masters(std::string_view text) {
  std::vector<KnownMaster> masters;
  std::istringstream words{std::string(text)};
  std::string word;
  while (words >> word) {
    if (masters.size() == count_max) {
      return invalid(fmt::format("more than {} masters are named", count_max));
    }
    auto master = parse_known_master(word);
    if (!master) return master.error();
    const bool is_there = std::any_of(masters.begin(), masters.end(), [&](const auto& each) {
      const bool is_said = !each.control.is_unspecified();
      return each.name == master->name || (is_said && each.control == master->control);
    });
    if (is_there) return invalid(fmt::format("{} is named twice", word));
    masters.push_back(std::move(*master));
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

bool NewestMasters::is_newest(const wire::HeartbeatReply& reply) const {
  if (!names_.empty() && std::find(names_.begin(), names_.end(), reply.node) == names_.end()) {
    return false;
  }
  if (reply.masters_as_of == 0) return reply.role == "primary" && reply.term >= term_;
  return reply.cluster != cluster_ || reply.masters_as_of >= as_of_;
}

bool NewestMasters::take(const wire::HeartbeatReply& reply,
                         const std::vector<KnownMaster>& masters) {
  if (masters.empty() || !is_newest(reply)) return false;
  term_ = std::max(term_, reply.term);
  cluster_ = reply.cluster;
  as_of_ = reply.masters_as_of;
  names_.clear();
  if (as_of_ == 0) return true;
  for (const auto& master : masters) names_.push_back(master.name);
  return true;
}

std::string known_masters_file(const std::string& state_directory) {
  return state_directory + "/masters";
}

Result<std::vector<KnownMaster>> load_known_masters(const std::string& state_directory) {
  const auto path = known_masters_file(state_directory);
  const auto text = read_small_file(path, limits::control_body_bytes_max);
  if (!text && text.error().code == ErrorCode::not_found) return std::vector<KnownMaster>();
  auto masters = text ? parse_known_masters(*text) : text.error();
  if (masters) return masters;
  return fail(masters.error().code, fmt::format("{} {}{}", path, text ? "cannot be used: " : "",
                                                masters.error().message));
}

}  // namespace tandem
