#include "master/discovery/zookeeper_node.hpp"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

using nlohmann::json;

namespace {

constexpr std::string_view line_ends = " \t\r\n";

// One that is null is not there; 0: it is no port.
std::optional<std::uint16_t> port_in(const json& instance, const char* key) {
  const auto found = instance.find(key);
  if (found == instance.end() || found->is_null()) return std::nullopt;
  const auto port = found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  return static_cast<std::uint16_t>(port <= 65'535 ? port : 0);
}

void take_description(InstanceCollector& collector, std::string_view name, std::string_view data) {
  const auto instance =
      wire::parse_object(data, limits::source_node_bytes_max, limits::source_node_values_max);
  if (!instance) return collector.skip(name, instance.error().message);
  const auto enabled = instance->find("enabled");
  if (enabled != instance->end() && *enabled == false) {
    return collector.skip(name, "it is not enabled");
  }
  const auto address = instance->find("address");
  if (address == instance->end() || !address->is_string()) {
    return collector.skip(name, "it has no address");
  }
  auto port = port_in(*instance, "port");
  if (!port) port = port_in(*instance, "sslPort");
  if (!port || *port == 0) return collector.skip(name, "it has no port");
  collector.take(name, {address->get<std::string>(), *port});
}

}  // namespace

void take_zookeeper_node(InstanceCollector& collector, std::string_view name,
                         std::string_view data) {
  if (data.starts_with('{')) return take_description(collector, name, data);
  const auto begin = data.find_first_not_of(line_ends);
  const bool is_named = begin == data.npos;
  const auto text =
      is_named ? name : data.substr(begin, data.find_last_not_of(line_ends) - begin + 1);
  auto endpoint = parse_endpoint(text, is_named ? "its name" : "its data");
  if (!endpoint) return collector.skip(name, endpoint.error().message);
  collector.take(name, std::move(*endpoint));
}

}  // namespace tandem::master
