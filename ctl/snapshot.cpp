#include "ctl/snapshot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/small_file.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::ctl {

namespace {

// Checks the answer, because only a backup may replace an older backup.
Result<> check(std::string_view snapshot) {
  const auto json = wire::parse_object(snapshot, limits::cluster_body_bytes_max);
  if (json && json->contains("tandem_backup") && json->contains("state")) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("the answer is not a backup: {}",
                          json ? "members are missing" : json.error().message));
}

}  // namespace

Result<std::string> save_snapshot(const ControlClient& client, const std::string& file) {
  struct stat there {};
  const bool is_file = ::stat(file.c_str(), &there) != 0 || S_ISREG(there.st_mode);
  if (file != "-" && !is_file) {
    return invalid(fmt::format("{} is not a regular file; - is the standard output", file));
  }
  auto snapshot = client.get("/v1/snapshot");
  if (!snapshot) return snapshot;
  if (const auto checked = check(*snapshot); !checked) return checked.error();
  if (file == "-") return snapshot;
  const auto draft =
      fmt::format("{}.{}", file, ::getpid());  // two processes may save at the same time
  if (const auto saved = replace_file(file, *snapshot, draft); !saved) return saved.error();
  return fmt::format("{} bytes in {}\n", snapshot->size(), file);
}

}  // namespace tandem::ctl
