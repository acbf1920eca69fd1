#include "common/wire/masters.hpp"

#include <limits>

#include <nlohmann/json.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/name.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

void read_address(MemberReader& reader, const char* key, std::string& address) {
  reader.text(key, address);
  if (address.empty() || reader.failed()) return;
  if (const auto parsed = parse_endpoint(address, key); !parsed) reader.refuse(parsed.error());
}

void read_name(MemberReader& reader, const char* key, std::string& name) {
  reader.text(key, name, Presence::optional);
  if (!name.empty() && !is_name(name)) reader.refuse(key, "must be empty or a name");
}

MasterStatus read_master(MemberReader& reader) {
  MasterStatus master;
  reader.name("name", master.name);
  read_address(reader, "control", master.control);
  if (!reader.failed() && master.control.empty()) reader.refuse("control", "must be HOST:PORT");
  read_address(reader, "listen", master.listen);
  reader.boolean("votes", master.votes);
  read_name(reader, "replaces", master.replaces);
  reader.text("waits_for", master.waits_for, Presence::optional);
  return master;
}

}  // namespace

std::string to_json(const Masters& masters) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& master : masters.masters) {
    nlohmann::ordered_json json{{"name", master.name},
                                {"control", master.control},
                                {"listen", master.listen},
                                {"votes", master.votes}};
    if (!master.replaces.empty()) json["replaces"] = master.replaces;
    if (!master.waits_for.empty()) json["waits_for"] = master.waits_for;
    list.push_back(std::move(json));
  }
  return dump({{"cluster", masters.cluster},
               {"node", masters.node},
               {"primary", masters.primary},
               {"term", masters.term.value()},
               {"masters", std::move(list)}});
}

Result<Masters> parse_masters(std::string_view text) {
  const auto json = parse_object(text, limits::control_body_bytes_max);
  if (!json) return json.error();
  Masters masters;
  MemberReader reader(*json);
  reader.text("cluster", masters.cluster);
  reader.name("node", masters.node);
  read_name(reader, "primary", masters.primary);
  std::uint64_t term = 0;
  reader.number("term", term, 0, std::numeric_limits<std::uint64_t>::max());
  masters.term = Term(term);
  // Twice the limit: masters that are joining and masters that are leaving are both listed.
  for (const auto* element : reader.elements("masters", 2 * limits::masters_max)) {
    if (!element->is_object()) {
      reader.refuse("masters", "must be an array of objects");
      break;
    }
    MemberReader part(*element, reader.path_of("masters", masters.masters.size()));
    masters.masters.push_back(read_master(part));
    if (const auto read = part.finish(UnknownMembers::ignore); !read) reader.refuse(read.error());
  }
  if (const auto read = reader.finish(UnknownMembers::ignore); !read) return read.error();
  return masters;
}

}  // namespace tandem::wire
