#include "master/coordinator/documents.hpp"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/sender_address.hpp"
#include "common/base/version.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace {

constexpr std::uint64_t number_max = (std::uint64_t{1} << 53) - 1;
constexpr auto ignore = wire::UnknownMembers::ignore;

Result<nlohmann::json> parse_document(std::string_view text) {
  return wire::parse_object(text, limits::coordinator_document_bytes_max);
}

std::optional<Endpoint> endpoint_in(wire::MemberReader& reader, const char* key) {
  std::string text;
  reader.text(key, text, wire::Presence::optional);
  if (text.empty()) return std::nullopt;
  auto endpoint = parse_endpoint(text, key);
  if (!endpoint || !endpoint->is_numeric() || endpoint->port == 0) {
    reader.refuse(key, "must be a numeric address with a port");
    return std::nullopt;
  }
  return std::move(*endpoint);
}

}  // namespace

CoordinatorKeys::CoordinatorKeys(std::string_view cluster)
    : prefix_(fmt::format("/tandem/{}/", cluster)) {}

std::string CoordinatorKeys::master(std::string_view node) const {
  return fmt::format("{}{}", masters(), node);
}
std::string CoordinatorKeys::change(LogIndex index) const {
  return fmt::format("{}{:020}", changes(), index.value());
}
std::string CoordinatorKeys::pieces_of(LogIndex index) const {
  return fmt::format("{}{:020}/", pieces(), index.value());
}
std::string CoordinatorKeys::piece(LogIndex index, std::size_t number) const {
  return fmt::format("{}{:04}", pieces_of(index), number);
}

std::string behind(std::string prefix) {
  ++prefix.back();
  return prefix;
}

std::string node_document(const core::NodeId& node) {
  return fmt::format(R"({{"node":"{}"}})", node);
}

Result<core::NodeId> read_node_document(std::string_view text) {
  const auto json = parse_document(text);
  if (!json) return json.error();
  std::string node;
  wire::MemberReader reader(*json);
  reader.name("node", node);
  if (const auto read = reader.finish(ignore); !read) return read.error();
  return core::NodeId(node);
}

std::string to_json(const MasterDocument& master) {
  const auto& addresses = master.addresses;
  nlohmann::ordered_json json{{"node", master.node.name()},
                              {"control", addresses.control.to_string()}};
  if (addresses.listen) json["listen"] = addresses.listen->to_string();
  if (addresses.inner) json["inner"] = addresses.inner->to_string();
  json["pass"] = addresses.pass;
  json["features"] = master.features.value();
  json["version"] = version;
  return wire::dump(json);
}

Result<MasterDocument> read_master_document(std::string_view text) {
  const auto json = parse_document(text);
  if (!json) return json.error();
  MasterDocument master;
  std::string node;
  wire::MemberReader reader(*json);
  reader.name("node", node);
  reader.numeric_endpoint("control", master.addresses.control);
  const auto listen = endpoint_in(reader, "listen");
  const auto inner = endpoint_in(reader, "inner");
  reader.text("pass", master.addresses.pass, wire::Presence::optional);
  reader.number("features", master.features, 1, number_max);
  if (const auto read = reader.finish(ignore); !read) return read.error();
  master.node = core::NodeId(node);
  const auto& host = master.addresses.control.host;
  if (listen) {
    master.addresses.listens_everywhere = listen->is_unspecified();
    master.addresses.listen = reachable_from_here(*listen, host);
  }
  if (inner) master.addresses.inner = reachable_from_here(*inner, host);
  return master;
}

std::string number_document(const char* member, std::uint64_t number) {
  return fmt::format(R"({{"{}":{}}})", member, number);
}

Result<std::uint64_t> read_number_document(const char* member, std::string_view text) {
  const auto json = parse_document(text);
  if (!json) return json.error();
  std::uint64_t number = 0;
  wire::MemberReader reader(*json);
  reader.number(member, number, 1, number_max);
  if (const auto read = reader.finish(ignore); !read) return read.error();
  return number;
}

std::string to_json(const StatePlace& place) {
  return fmt::format(R"({{"index":{},"term":{},"pieces":{},"bytes":{}}})", place.index, place.term,
                     place.pieces, place.bytes);
}

Result<StatePlace> read_state_place(std::string_view text) {
  const auto json = parse_document(text);
  if (!json) return json.error();
  StatePlace place;
  wire::MemberReader reader(*json);
  reader.number("index", place.index, 1, number_max);
  reader.number("term", place.term, 1, number_max);
  reader.number("bytes", place.bytes, 1, limits::snapshot_bytes_max);
  reader.number("pieces", place.pieces, 1, limits::snapshot_bytes_max);
  if (const auto read = reader.finish(ignore); !read) return read.error();
  const auto most = place.bytes / limits::coordinator_piece_bytes_max + 1;
  if (place.pieces > most) return invalid("a snapshot has fewer pieces than it says");
  return place;
}

std::string change_document(const core::Entry& entry, const core::NodeId& leader) {
  auto text = fmt::format(R"({{"term":{},"node":"{}")", entry.term, leader);
  if (const auto* command = std::get_if<core::Command>(&entry.body)) {
    text += fmt::format(R"(,"client":{},"sequence":{},"change":{})", command->id.client,
                        command->id.sequence, command->bytes);
  }
  return text + '}';
}

Result<core::Entry> read_change(const CoordinatorKeys& keys, std::string_view key,
                                std::string_view text) {
  const auto prefix = keys.changes();
  std::uint64_t index = 0;
  if (!key.starts_with(prefix)) return invalid("a key is no change");
  const auto digits = key.substr(prefix.size());
  const auto* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, index);
  if (error != std::errc() || rest != end || index == 0 || index > number_max ||
      key != keys.change(LogIndex(index))) {
    return invalid("a key among the changes has no number");
  }
  const auto json = parse_document(text);
  if (!json) return json.error();
  core::Entry entry{.index = LogIndex(index), .term = {}, .body = core::NoOp{}};
  std::string node;
  wire::MemberReader reader(*json);
  reader.number("term", entry.term, 1, number_max);
  reader.name("node", node);
  if (!reader.is_null("change")) {
    core::Command command;
    reader.number("client", command.id.client, 1, number_max);
    reader.number("sequence", command.id.sequence, 1, number_max);
    if (const auto* change = reader.object("change")) command.bytes = wire::dump_exactly(*change);
    entry.body = std::move(command);
  }
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return entry;
}

}  // namespace tandem::master
