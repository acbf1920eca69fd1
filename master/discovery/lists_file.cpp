#include "master/discovery/lists_file.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/small_file.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t instance_bytes_max = 100;  // as JSON
constexpr std::size_t lists_bytes_max =
    limits::sources_max *
    (limits::source_text_bytes_max * 2 + limits::source_instances_max * instance_bytes_max);

std::string lists_path(const std::string& directory) { return directory + "/discovered.json"; }

Result<InstanceListPtr> read_list(const nlohmann::json& object, std::string& source) {
  wire::MemberReader reader(object);
  reader.text("source", source);
  InstanceCollector collector;
  for (const auto* each : reader.elements("instances", limits::source_instances_max)) {
    wire::MemberReader part(*each);
    Endpoint address;
    unsigned weight = 0;
    part.numeric_endpoint("address", address);
    part.number("weight", weight, 0, limits::weight_max);
    if (auto read = part.finish(wire::UnknownMembers::ignore); !read) return read.error();
    collector.take("", std::move(address), weight);
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore); !read) return read.error();
  return InstanceListPtr(std::make_shared<const InstanceList>(std::move(collector).list()));
}

}  // namespace

Result<> store_lists(const std::string& directory, const InstanceLists& lists) {
  auto sources = Json::array();
  for (const auto& [source, list] : lists) {
    auto instances = Json::array();
    for (const auto& instance : list->instances) {
      instances.push_back({{"address", instance.address.to_string()}, {"weight", instance.weight}});
    }
    sources.push_back({{"source", source}, {"instances", std::move(instances)}});
  }
  const auto path = lists_path(directory);
  return replace_file(path, wire::dump({{"sources", std::move(sources)}}), path + ".draft");
}

Result<InstanceLists> load_lists(const std::string& directory) {
  const auto path = lists_path(directory);
  const auto unusable = [&path](const Error& error) {
    return fail(error.code, fmt::format("{} {}", path, error.message));
  };
  const auto text = read_small_file(path, lists_bytes_max);
  if (!text) return unusable(text.error());
  const auto document = wire::parse_object(*text, lists_bytes_max);
  if (!document) return unusable(document.error());
  wire::MemberReader reader(*document);
  InstanceLists lists;
  for (const auto* each : reader.elements("sources", limits::sources_max)) {
    std::string source;
    auto list = read_list(*each, source);
    if (!list) return unusable(list.error());
    lists.insert_or_assign(std::move(source), std::move(*list));
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore); !read) return unusable(read.error());
  return lists;
}

}  // namespace tandem::master
