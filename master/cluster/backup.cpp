#include "master/cluster/backup.hpp"

#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/base/small_file.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/state_document.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned backup_format = 1;
constexpr std::uint64_t id_max = (std::uint64_t{1} << 53) - 1;

Result<> read_format(wire::MemberReader& reader) {
  std::uint64_t format = 0;
  reader.number("tandem_backup", format, 1, id_max);
  if (reader.failed() || format == backup_format) return {};
  return fail(ErrorCode::conflict,
              fmt::format("tandem_backup: {} is of a later version; this one reads {}", format,
                          backup_format),
              "tandem_backup");
}

Error in_file(const std::string& file, const Error& error) {
  return invalid(fmt::format("--restore {}: {}", file, error.message), "--restore");
}

}  // namespace

std::string to_json(const Backup& backup) {
  auto state = Json::parse(to_json(backup.state));
  state.erase("secret");
  return Json{{"tandem_backup", backup_format},
              {"cluster", backup.cluster},
              {"term", backup.term.value()},
              {"index", backup.index.value()},
              {"state", std::move(state)}}
             .dump(2) +
         "\n";
}

Result<Backup> parse_backup(std::string_view text) {
  const auto json = wire::parse_object(text, limits::cluster_body_bytes_max);
  if (!json) return json.error();
  Backup backup;
  wire::MemberReader reader(*json);
  if (auto known = read_format(reader); !known) return known.error();
  reader.text("cluster", backup.cluster);
  reader.number("term", backup.term, 1, id_max - 2 * limits::term_jump_max);
  reader.number("index", backup.index, 0, id_max);
  const auto* state = reader.object("state");
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  auto parsed = read_cluster_state(*state);
  if (!parsed) return fail(parsed.error().code, "state." + parsed.error().message);
  if (!parsed->secret.empty()) return invalid("state.secret: a backup has none");
  backup.state = std::move(*parsed);
  return backup;
}

core::Restoration restoration_of(const Backup& backup) {
  auto state = backup.state;
  state.forget_masters();  // the new cluster's masters are those of its flags
  return {.after = Term(backup.term.value() + limits::term_jump_max),
          .bytes = to_json(CommandClients{}, state)};
}

Result<std::shared_ptr<const core::Restoration>> read_restoration(const std::string& file,
                                                                  wire::FeatureLevel features_max) {
  const auto text = read_small_file(file, limits::cluster_body_bytes_max);
  if (!text) return in_file(file, text.error());
  const auto backup = parse_backup(*text);
  if (!backup) return in_file(file, backup.error());
  auto restoration = restoration_of(*backup);
  if (restoration.bytes.size() > limits::snapshot_bytes_max) {
    return in_file(file, invalid(fmt::format("its state has more than {} bytes",
                                             std::size_t{limits::snapshot_bytes_max})));
  }
  // Verifies that it passes the check that every member applies to a snapshot.
  if (const auto taken = state_check(features_max).snapshot(restoration.bytes); !taken) {
    return in_file(file, taken.error());
  }
  return std::make_shared<const core::Restoration>(std::move(restoration));
}

}  // namespace tandem::master
