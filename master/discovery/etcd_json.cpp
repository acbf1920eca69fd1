#include "master/discovery/etcd_json.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

#include "master/discovery/base64.hpp"

namespace tandem::master {

using nlohmann::json;

std::string etcd_text(const json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<std::uint64_t> etcd_number(const json& object, const char* member) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(member);
  if (found == object.end()) return 0;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  const auto* const end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::string> etcd_bytes(const json& object, const char* member) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(member);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return std::nullopt;
  return from_base64(found->get_ref<const std::string&>());
}

}  // namespace tandem::master
