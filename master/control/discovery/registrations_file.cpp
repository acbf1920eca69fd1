#include "master/control/discovery/registrations_file.hpp"

#include <nlohmann/json.hpp>

#include "common/base/log.hpp"
#include "common/base/small_file.hpp"
#include "common/wire/json_reader.hpp"
#include "master/control/discovery/limits.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;

// As JSON each byte of a text may take two, and names of members stand beside.
constexpr std::size_t file_bytes_max = 4 * limits::registrations_bytes_max;

std::string path_in(const std::string& directory) { return directory + "/registrations.json"; }

}  // namespace

std::string text_of(const Registrations& registrations, Instant now) {
  auto list = Json::array();
  for (const auto& [id, registration] : registrations.all()) {
    list.push_back(document_of(registration, Extent::whole, now));
  }
  return wire::dump({{"registrations", std::move(list)}});
}

Result<> store_registrations(const std::string& directory, std::string_view text) {
  const auto path = path_in(directory);
  return replace_file(path, text, path + ".draft");
}

Result<std::vector<Registration>> load_registrations(const std::string& directory, Instant now) {
  const auto path = path_in(directory);
  const auto unusable = [&path](const Error& error) {
    return fail(error.code, fmt::format("{} {}", path, error.message));
  };
  const auto text = read_small_file(path, file_bytes_max);
  if (!text) return unusable(text.error());
  const auto document = wire::parse_object(*text, file_bytes_max);
  if (!document) return unusable(document.error());
  wire::MemberReader reader(*document);
  std::vector<Registration> all;
  const auto most = limits::registrations_max + limits::deregistrations_kept_max;
  for (const auto* each : reader.elements("registrations", most)) {
    auto registration = read_registration(*each, now);
    if (!registration) {
      log::warn("registration not read file={} reason=\"{}\"", path, registration.error().message);
      continue;
    }
    for (auto& check : registration->checks) {
      if (check.at != Instant::never()) check.at = now;
    }
    all.push_back(std::move(*registration));
  }
  if (auto read = reader.finish(wire::UnknownMembers::ignore); !read) return unusable(read.error());
  return all;
}

}  // namespace tandem::master
