#include "master/publication/etcd_documents.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/base64.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/etcd_json.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/limits.hpp"

namespace tandem::master {

using nlohmann::json;
using Document = nlohmann::ordered_json;

namespace {

constexpr std::size_t small_answer_bytes_max = 64 * 1024;
constexpr std::size_t published_value_values_max = 1'000;
constexpr std::size_t lease_digits_max = 20;
constexpr std::uint64_t lease_seconds_max = 366 * 24 * 3'600;

bool is_lease(std::string_view id) {
  return !id.empty() && id != "0" && id.size() <= lease_digits_max &&
         id.find_first_not_of("0123456789") == id.npos;
}

Result<EtcdLease> lease_in(const json& object) {
  const auto seconds = etcd_number(object, "TTL").value_or(0);
  EtcdLease lease{.id = etcd_text(object, "ID"),
                  .seconds = static_cast<std::int64_t>(std::min(seconds, lease_seconds_max))};
  if (!is_lease(lease.id)) return invalid("the answer names no lease");
  return lease;
}

std::string mark_of(std::string_view cluster) { return fmt::format("tandem:{}", cluster); }

Result<> take_keys(const json& range, std::vector<EtcdKey>& keys) {
  const auto more = range.find("more");
  if (more != range.end() && *more == true) {
    return invalid(
        fmt::format("there are more than {} keys of one service", limits::published_entries_max));
  }
  const auto found = range.find("kvs");
  if (found == range.end()) return {};
  if (!found->is_array()) return invalid("kvs is no list");
  for (const auto& each : *found) {
    auto key = etcd_bytes(each, "key");
    auto value = etcd_bytes(each, "value");
    const auto revision = etcd_number(each, "mod_revision").value_or(0);
    if (!key || !value || revision == 0) return invalid("a key is not as etcd would say it");
    auto lease = etcd_text(each, "lease");
    keys.push_back({.key = std::move(*key),
                    .value = std::move(*value),
                    .revision = revision,
                    .lease = is_lease(lease) ? std::move(lease) : std::string()});
  }
  return {};
}

}  // namespace

std::string etcd_service_prefix(std::string_view root, std::string_view service) {
  return fmt::format("{}{}{}/", root, root.empty() ? "" : "/", service);
}

std::string etcd_key_of(std::string_view root, const PublishedEntry& entry) {
  return etcd_service_prefix(root, entry.service) + entry.address.to_string();
}

std::string etcd_value_of(const PublishedEntry& entry, std::string_view cluster) {
  return wire::dump(
      {{"Op", 0}, {"Addr", entry.address.to_string()}, {"Metadata", mark_of(cluster)}});
}

bool is_etcd_value_of(std::string_view value, std::string_view cluster) {
  const auto parsed = wire::parse_object(value, small_answer_bytes_max, published_value_values_max);
  return parsed && etcd_text(*parsed, "Metadata") == mark_of(cluster);
}

Result<EtcdLease> read_etcd_lease(std::string_view text) {
  const auto parsed = wire::parse_object(text, small_answer_bytes_max);
  if (!parsed) return parsed.error();
  auto lease = lease_in(*parsed);
  if (lease && lease->seconds == 0) return invalid("the lease has no time");
  return lease;
}

Result<EtcdLease> read_etcd_renewal(std::string_view text) {
  const auto parsed = wire::parse_object(text.substr(0, text.find('\n')), small_answer_bytes_max);
  if (!parsed) return parsed.error();
  const auto result = parsed->find("result");
  if (result == parsed->end()) return invalid("the answer tells nothing of the lease");
  return lease_in(*result);
}

std::string etcd_question(const std::vector<std::string>& prefixes) {
  auto ranges = Document::array();
  for (const auto& prefix : prefixes) {
    ranges.push_back({{"request_range",
                       {{"key", to_base64(prefix)},
                        {"range_end", to_base64(end_of_prefix(prefix))},
                        {"limit", fmt::format("{}", limits::published_entries_max)}}}});
  }
  return wire::dump({{"success", std::move(ranges)}});
}

Result<std::vector<EtcdKey>> read_etcd_ranges(std::string_view text) {
  const auto parsed =
      wire::parse_object(text, limits::source_answer_bytes_max, limits::source_values_max);
  if (!parsed) return parsed.error();
  std::vector<EtcdKey> keys;
  const auto responses = parsed->find("responses");
  if (responses == parsed->end() || !responses->is_array()) {
    return invalid("the answer has no ranges");
  }
  for (const auto& each : *responses) {
    const auto range = each.is_object() ? each.find("response_range") : each.end();
    if (range == each.end() || !range->is_object()) return invalid("an answer is no range");
    if (auto taken = take_keys(*range, keys); !taken) return taken.error();
  }
  return keys;
}

std::string etcd_transaction(const std::vector<EtcdChange>& changes, std::string_view lease) {
  auto conditions = Document::array();
  auto operations = Document::array();
  for (const auto& change : changes) {
    const auto key = to_base64(change.key);
    conditions.push_back({{"key", key},
                          {"target", "MOD"},
                          {"result", "EQUAL"},
                          {"mod_revision", fmt::format("{}", change.revision)}});
    if (change.value.empty()) {
      operations.push_back({{"request_delete_range", {{"key", key}}}});
    } else {
      operations.push_back(
          {{"request_put",
            {{"key", key}, {"value", to_base64(change.value)}, {"lease", std::string(lease)}}}});
    }
  }
  return wire::dump({{"compare", std::move(conditions)}, {"success", std::move(operations)}});
}

Result<EtcdOutcome> read_etcd_outcome(std::string_view text) {
  const auto parsed =
      wire::parse_object(text, limits::source_answer_bytes_max, limits::source_values_max);
  if (!parsed) return parsed.error();
  EtcdOutcome outcome;
  const auto succeeded = parsed->find("succeeded");  // false is left out
  outcome.succeeded = succeeded != parsed->end() && *succeeded == true;
  const auto header = parsed->find("header");
  if (header != parsed->end()) {
    outcome.revision = etcd_number(*header, "revision").value_or(0);
  }
  if (outcome.revision == 0) return invalid("the answer has no revision");
  return outcome;
}

}  // namespace tandem::master
