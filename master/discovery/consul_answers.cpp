#include "master/discovery/consul_answers.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

using nlohmann::json;

namespace {

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(const json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::uint64_t number_of(const json* value, std::uint64_t otherwise) {
  return value != nullptr && value->is_number_unsigned() ? value->get<std::uint64_t>() : otherwise;
}

void take_entry(InstanceCollector& collector, const json& entry) {
  const auto* service = member(entry, "Service");
  if (service == nullptr || !service->is_object()) {
    return collector.skip("an instance", "it has no Service");
  }
  auto id = text_of(member(*service, "ID"));
  auto host = text_of(member(*service, "Address"));
  if (host.empty()) {
    if (const auto* node = member(entry, "Node")) host = text_of(member(*node, "Address"));
  }
  const auto port = number_of(member(*service, "Port"), 0);
  if (port == 0 || port > 65'535) return collector.skip(id, "it has no port");
  const auto* weights = member(*service, "Weights");
  const auto* passing = weights == nullptr ? nullptr : member(*weights, "Passing");
  const auto weight = std::min<std::uint64_t>(number_of(passing, 1), limits::weight_max);
  collector.take(id, {std::move(host), static_cast<std::uint16_t>(port)},
                 static_cast<unsigned>(weight));
}

}  // namespace

Result<InstanceList> read_consul_instances(std::string_view text) {
  if (text.size() > limits::source_answer_bytes_max) return invalid("the answer is too long");
  // One reader for all documents, and that reads objects.
  const auto whole = fmt::format(R"({{"instances":{}}})", text);
  const auto parsed = wire::parse_object(whole, whole.size(), limits::source_values_max);
  if (!parsed) return parsed.error();
  const auto* entries = member(*parsed, "instances");
  if (parsed->size() != 1 || entries == nullptr || !entries->is_array()) {
    return invalid("the answer is no list of instances");
  }
  InstanceCollector collector;
  for (const auto& entry : *entries) take_entry(collector, entry);
  auto list = std::move(collector).list();
  // Consul says 1 where nobody has said anything, which would be little beside other workers.
  auto& all = list.instances;
  const bool differ = std::any_of(
      all.begin(), all.end(), [&](const auto& each) { return each.weight != all.front().weight; });
  const bool is_unsaid = !differ && !all.empty() && all.front().weight > 0;
  if (is_unsaid) {
    for (auto& each : all) each.weight = instance_weight_unsaid;
  }
  return list;
}

std::optional<std::uint64_t> next_consul_index(std::optional<std::uint64_t> last,
                                               std::string_view field) {
  std::uint64_t index = 0;
  const auto* end = field.data() + field.size();
  const auto parsed = std::from_chars(field.data(), end, index);
  if (field.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  if (last && index < *last) return std::nullopt;
  return std::max<std::uint64_t>(index, 1);
}

}  // namespace tandem::master
