#include "common/wire/method_set.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tandem::wire {

namespace {

constexpr std::string_view no_methods = "none";

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= limits::method_name_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// Takes the part before the next comma off `rest`.
std::string_view next_name(std::string_view& rest) {
  const auto end = std::min(rest.find(','), rest.size());
  const auto name = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return name;
}

MethodSet idempotent_methods() {
  MethodSet methods;
  for (const auto* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    methods.add(method);
  }
  return methods;
}

}  // namespace

const MethodSet& MethodSet::idempotent() {
  static const MethodSet methods = idempotent_methods();
  return methods;
}

std::optional<MethodSet> MethodSet::parse(std::string_view text) {
  MethodSet methods;
  if (text.empty() || text == no_methods) return methods;
  if (text.back() == ',') return std::nullopt;
  while (!text.empty()) {
    if (!methods.add(next_name(text))) return std::nullopt;
  }
  return methods;
}

std::string MethodSet::forms() {
  return fmt::format("none, or up to {} methods of at most {} capital letters such as GET,HEAD",
                     limits::retry_methods_max, limits::method_name_bytes_max);
}

bool MethodSet::add(std::string_view method) {
  if (!is_method(method)) return false;
  if (contains(method)) return true;
  if (count_ == limits::retry_methods_max) return false;
  ++count_;
  const auto end = std::copy(method.begin(), method.end(), text_.begin() + length_);
  *end = ',';
  length_ += method.size() + 1;
  return true;
}

bool MethodSet::contains(std::string_view method) const {
  for (auto rest = text(); !rest.empty();) {
    if (next_name(rest) == method) return true;
  }
  return false;
}

std::vector<std::string_view> MethodSet::names() const {
  std::vector<std::string_view> names;
  for (auto rest = text(); !rest.empty();) names.push_back(next_name(rest));
  return names;
}

std::string MethodSet::to_string() const {
  if (count_ == 0) return std::string(no_methods);
  return std::string(text().substr(0, length_ - 1));
}

}  // namespace tandem::wire
