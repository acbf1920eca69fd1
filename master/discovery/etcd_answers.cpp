#include "master/discovery/etcd_answers.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/etcd_json.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

using nlohmann::json;

namespace {

constexpr std::size_t value_bytes_max = 64 * 1024;
constexpr std::size_t value_values_max = 1'000;

void take_value(InstanceCollector& collector, const std::string& key, const std::string& value) {
  // Some write the address alone.
  auto address = value;
  if (value.starts_with('{')) {
    const auto parsed = wire::parse_object(value, value_bytes_max, value_values_max);
    if (!parsed) return collector.skip(key, parsed.error().message);
    const auto op = parsed->find("Op");
    const bool is_deleted = op != parsed->end() && *op != 0;
    if (is_deleted) return collector.skip(key, "its Op is not 0, an update");
    address = etcd_text(*parsed, "Addr");
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
  if (header != parsed->end()) keys.revision = etcd_number(*header, "revision").value_or(0);
  if (keys.revision == 0) return invalid("the answer has no revision");
  InstanceCollector collector;
  const auto found = parsed->find("kvs");
  if (found != parsed->end() && !found->is_array()) return invalid("kvs is no list");
  if (found != parsed->end()) {
    for (const auto& each : *found) {
      const auto key = etcd_bytes(each, "key");
      const auto value = etcd_bytes(each, "value");
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
  const bool is_created = text.substr(0, end).find(R"("created":true)") != text.npos;
  return !is_created || is_etcd_watch_over(text) ||
         text.find_first_not_of("\r\n", end) != text.npos;
}

bool is_etcd_watch_over(std::string_view text) {
  return text.substr(0, text.find('\n')).find(R"("canceled":true)") != text.npos;
}

std::string read_etcd_token(std::string_view text) {
  const auto parsed = wire::parse_object(text, value_bytes_max);
  if (!parsed) return {};
  auto token = etcd_text(*parsed, "token");
  const bool can_be_sent = token.find_first_of("\r\n") == token.npos;
  return can_be_sent ? token : std::string();
}

}  // namespace tandem::master
