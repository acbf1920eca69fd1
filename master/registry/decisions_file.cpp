#include "master/registry/decisions_file.hpp"

#include "common/base/limits.hpp"

namespace tandem::master {

namespace {
constexpr std::string_view file_name = "decisions.json";
}  // namespace

Result<Decisions> load_decisions(const DataDirectory& directory) {
  auto content = directory.read(file_name, limits::decisions_bytes_max);
  if (!content) return content.error();
  if (!content->has_value()) return Decisions{};
  auto decisions = parse_decisions(**content);
  if (decisions) return decisions;
  return invalid(fmt::format("{} is damaged ({}): correct it, or move it away to start without the "
                             "drains, weights and added workers it holds",
                             (directory.path() / file_name).string(), decisions.error().message),
                 "--data-dir");
}

Result<> save_decisions(const DataDirectory& directory, const Decisions& decisions) {
  return directory.replace(file_name, to_json(decisions));
}

}  // namespace tandem::master
