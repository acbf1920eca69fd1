#include "master/discovery/etcd_answers.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/base64.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

using nlohmann::json;

namespace {

constexpr std::size_t value_bytes_max = 64 * 1024;
constexpr std::size_t value_values_max = 1'000;

std::string text_in(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

// Numbers of 64 bits are texts, and 0 is left out.
std::uint64_t number_in(const json& object, const char* key) {
  const auto text = text_in(object, key);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void take_value(InstanceCollector& collector, const std::string& key, const std::string& value) {
  // Some write the address alone.
  auto address = value;
  if (value.starts_with('{')) {
    const auto parsed = wire::parse_object(value, value_bytes_max, value_values_max);
    if (!parsed) return collector.skip(key, parsed.error().message);
    const auto op = parsed->find("Op");
    const bool is_deleted = op != parsed->end() && *op != 0;
    if (is_deleted) return collector.skip(key, "its Op is not 0, an update");
    address = text_in(*parsed, "Addr");
  }
  auto endpoint = parse_endpoint(address, "its Addr");
  if (!endpoint) return collector.skip(key, endpoint.error().message);
  collector.take(key, std::move(*endpoint));
}

}  // namespace

Result<EtcdKeys> read_etcd_keys(std::string_view text) {
  const auto parsed =
      wire::parse_object(text, limits::source_answer_bytes_max, limits::source_values_max);
  if (!parsed) return parsed.error();
  const auto header = parsed->find("header");
  EtcdKeys keys;
  if (header != parsed->end()) keys.revision = number_in(*header, "revision");
  if (keys.revision == 0) return invalid("the answer has no revision");
  InstanceCollector collector;
  const auto found = parsed->find("kvs");
  if (found != parsed->end() && !found->is_array()) return invalid("kvs is no list");
  if (found != parsed->end()) {
    for (const auto& each : *found) {
      const auto key = from_base64(text_in(each, "key"));
      const auto value = from_base64(text_in(each, "value"));
      if (!key || !value) {
        collector.skip("a key", "it is not in base64");
        continue;
      }
      take_value(collector, *key, *value);
    }
  }
  const auto more = parsed->find("more");
  if (more != parsed->end() && *more == true) {
    collector.skip("more keys",
                   fmt::format("more than {} are not taken", limits::source_instances_max));
  }
  keys.instances = std::move(collector).list();
  return keys;
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return {"\0", 1};
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

bool has_etcd_news(std::string_view text) {
  const auto end = text.find('\n');
  if (end == text.npos) return false;
  const auto first = text.substr(0, end);
  const bool is_created = first.find(R"("created":true)") != first.npos &&
                          first.find(R"("canceled":true)") == first.npos;
  return !is_created || text.find_first_not_of("\r\n", end) != text.npos;
}

std::string read_etcd_token(std::string_view text) {
  const auto parsed = wire::parse_object(text, value_bytes_max);
  if (!parsed) return {};
  auto token = text_in(*parsed, "token");
  const bool can_be_sent = token.find_first_of("\r\n") == token.npos;
  return can_be_sent ? token : std::string();
}

}  // namespace tandem::master
