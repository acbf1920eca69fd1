#include "common/wire/status_set.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tandem::wire {

namespace {

constexpr std::string_view grpc_prefix = "grpc:";

// By their numbers (gRPC's statuscodes.md).
constexpr std::array<std::string_view, StatusSet::grpc_last + 1> grpc_names{
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
};

std::optional<unsigned> status_in(std::string_view text) {
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

bool StatusSet::add_grpc(std::string_view text) {
  if (!text.starts_with(grpc_prefix)) return false;
  // Not OK: nothing is wrong with such an answer.
  const auto* const found =
      std::find(grpc_names.begin() + 1, grpc_names.end(), text.substr(grpc_prefix.size()));
  if (found == grpc_names.end()) return false;
  grpc_.set(static_cast<std::size_t>(found - grpc_names.begin()));
  return true;
}

std::optional<StatusSet> StatusSet::parse(std::string_view text) {
  StatusSet statuses;
  for (std::size_t at = 0; at < text.size() + 1 && !text.empty();) {
    const auto comma = std::min(text.find(',', at), text.size());
    const auto each = text.substr(at, comma - at);
    at = comma + 1;
    if (statuses.add_grpc(each)) continue;
    const auto status = status_in(each);
    if (!status || !admits(*status)) return std::nullopt;
    statuses.add(*status);
  }
  return statuses;
}

std::string StatusSet::forms() {
  return fmt::format("statuses from {} to {}, or of gRPC such as grpc:unavailable", first, last);
}

std::vector<unsigned> StatusSet::statuses() const {
  std::vector<unsigned> list;
  for (auto status = first; status <= last; ++status) {
    if (contains(status)) list.push_back(status);
  }
  return list;
}

std::vector<std::string> StatusSet::grpc_statuses() const {
  std::vector<std::string> list;
  for (unsigned status = 0; status <= grpc_last; ++status) {
    if (contains_grpc(status)) list.push_back(fmt::format("{}{}", grpc_prefix, grpc_names[status]));
  }
  return list;
}

std::string StatusSet::to_string() const {
  auto texts = grpc_statuses();
  const auto numbers = statuses();
  if (numbers.empty()) return fmt::format("{}", fmt::join(texts, ","));
  const auto* const between = texts.empty() ? "" : ",";
  return fmt::format("{}{}{}", fmt::join(numbers, ","), between, fmt::join(texts, ","));
}

}  // namespace tandem::wire
