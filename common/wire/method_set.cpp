#include "common/wire/method_set.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/ascii.hpp"

namespace tandem::wire {

namespace {

constexpr std::string_view no_methods = "none";

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= limits::method_name_bytes_max &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_upper(c) || is_digit(c) || c == '-' || c == '_'; });
}

// "/package.Service/Method"; the method may be "*" as a whole.
bool is_grpc_method(std::string_view text) {
  if (text.size() > limits::grpc_name_bytes_max || !text.starts_with('/')) return false;
  const auto slash = text.find('/', 1);
  if (slash == text.npos || slash == 1 || slash + 1 == text.size()) return false;
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  const auto service = text.substr(1, slash - 1);
  const auto method = text.substr(slash + 1);
  return std::all_of(service.begin(), service.end(), fits) &&
         (method == "*" || std::all_of(method.begin(), method.end(), fits));
}

bool covers(std::string_view call, std::string_view path) {
  if (!call.ends_with("/*")) return call == path;
  return path.starts_with(call.substr(0, call.size() - 1));
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
  return fmt::format(
      "none, or up to {} methods of at most {} capital letters such as GET,HEAD, and up to {} of "
      "gRPC such as /package.Service/Method",
      limits::retry_methods_max, limits::method_name_bytes_max, limits::retry_calls_max);
}

bool MethodSet::add_call(std::string_view call) {
  auto calls = calls_ == nullptr ? Calls() : *calls_;
  if (std::find(calls.begin(), calls.end(), call) != calls.end()) return true;
  if (calls.size() == limits::retry_calls_max) return false;
  calls.emplace_back(call);
  calls_ = std::make_shared<const Calls>(std::move(calls));
  return true;
}

bool MethodSet::contains_call(std::string_view path) const {
  return calls_ != nullptr && std::any_of(calls_->begin(), calls_->end(),
                                          [path](const auto& call) { return covers(call, path); });
}

bool operator==(const MethodSet& a, const MethodSet& b) {
  const bool same_calls = a.calls_ == b.calls_ || (a.calls_ && b.calls_ && *a.calls_ == *b.calls_);
  return a.text() == b.text() && same_calls;
}

bool MethodSet::add(std::string_view method) {
  if (is_grpc_method(method)) return add_call(method);
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
  if (calls_ != nullptr) names.insert(names.end(), calls_->begin(), calls_->end());
  return names;
}

std::string MethodSet::to_string() const {
  if (count_ == 0 && calls_ == nullptr) return std::string(no_methods);
  return fmt::format("{}", fmt::join(names(), ","));
}

}  // namespace tandem::wire
