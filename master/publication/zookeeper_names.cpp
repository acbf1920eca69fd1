#include "master/publication/zookeeper_names.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"

namespace tandem::master {

using Document = nlohmann::ordered_json;

namespace {

std::string id_prefix_of(std::string_view cluster) { return fmt::format("tandem-{}-", cluster); }

// "{scheme}://{address}:{port}"
Document uri_of(std::string_view port) {
  const auto part = [](std::string_view value, bool is_variable) {
    return Document{{"value", value}, {"variable", is_variable}};
  };
  return {{"parts", Document::array({part("scheme", true), part("://", false),
                                     part("address", true), part(":", false), part(port, true)})}};
}

}  // namespace

std::string zookeeper_service_path(std::string_view root, std::string_view service) {
  return fmt::format("/{}/{}", root, service);
}

std::string zookeeper_id_of(const PublishedEntry& entry, const PublishingMaster& master,
                            std::int64_t session) {
  return fmt::format("{}{}-{:x}-{}{}", id_prefix_of(master.cluster), master.node,
                     static_cast<std::uint64_t>(session), entry.tls ? "tls-" : "",
                     entry.address.to_string());
}

std::string curator_document(const PublishedEntry& entry, std::string_view id,
                             std::int64_t registered_ms) {
  Document port = entry.address.port;
  Document none;
  return wire::dump({{"name", entry.service},
                     {"id", id},
                     {"address", entry.address.host},
                     {"port", entry.tls ? none : port},
                     {"sslPort", entry.tls ? port : none},
                     {"payload", none},
                     {"registrationTimeUTC", registered_ms},
                     {"serviceType", "DYNAMIC"},
                     {"uriSpec", uri_of(entry.tls ? "ssl-port" : "port")}});
}

std::optional<Endpoint> address_of_node(std::string_view name, std::string_view cluster) {
  if (!name.starts_with(id_prefix_of(cluster))) return std::nullopt;
  auto address = parse_endpoint(name.substr(name.rfind('-') + 1), "its name");
  if (!address || !address->is_numeric()) return std::nullopt;
  return *std::move(address);
}

}  // namespace tandem::master
