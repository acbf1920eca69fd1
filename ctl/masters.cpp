#include "ctl/masters.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/masters.hpp"
#include "common/wire/status.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace {

constexpr Duration pause = 100ms;
constexpr auto masters_path = "/v1/masters";

std::string table_of(const wire::Masters& masters) {
  Table table({{"MASTER"}, {"CONTROL"}, {"CLIENTS"}, {"ROLE"}, {"REASON"}});
  for (const auto& master : masters.masters) {
    const auto* role = master.name == masters.primary ? "primary"
                       : master.votes                 ? "standby"
                                                      : "joining";
    const auto reason = master.replaces.empty()
                            ? master.waits_for
                            : fmt::format("in the place of {}{}{}", master.replaces,
                                          master.waits_for.empty() ? "" : ": ", master.waits_for);
    table.add({master.name, master.control, master.listen, role, reason});
  }
  return table.to_string();
}

Result<std::string> shown(const std::string& document, Format format) {
  if (format == Format::json) return document;
  const auto masters = wire::parse_masters(document);
  if (!masters) return masters.error();
  return table_of(*masters);
}

std::string wish(const std::string& name, const Endpoint& address, const std::string& replaces) {
  nlohmann::ordered_json json{{"name", name}, {"address", address.to_string()}};
  if (!replaces.empty()) json["replaces"] = replaces;
  return wire::dump(json);
}

// A removal waits until those that remain answer.
std::string still_votes(const wire::Status& status, const std::string& goes) {
  for (const auto& voter : status.voters) {
    if (voter.name == goes || !voter.silent_ms) continue;
    return fmt::format("{} still votes: {} does not answer", goes, voter.name);
  }
  return fmt::format("{} still votes", goes);
}

// What is still missing from the wanted state, in words; empty: nothing. Either name may be empty.
Result<std::string> what_is_left(const ControlClient& client, const std::string& comes,
                                 const std::string& goes) {
  const auto document = client.get("/status");
  if (!document) return document.error();
  const auto status = wire::parse_status(*document);
  if (!status) return status.error();
  const auto votes = [&](const std::string& name) {
    return std::any_of(status->voters.begin(), status->voters.end(), [&](const auto& voter) {
      return voter.name == name && voter.kind == "master";
    });
  };
  if (!comes.empty() && !votes(comes)) {
    const auto list = client.get(masters_path);
    if (!list) return list.error();
    const auto masters = wire::parse_masters(*list);
    if (!masters) return masters.error();
    for (const auto& master : masters->masters) {
      if (master.name == comes && !master.waits_for.empty()) return master.waits_for;
    }
    return fmt::format("{} does not vote yet", comes);
  }
  if (!goes.empty() && goes != comes && votes(goes)) return still_votes(*status, goes);
  if (!status->voters_committed) return std::string("the change of voters is not committed yet");
  return std::string();
}

// Masters join and leave meanwhile: one that does not answer is not a failure before the time is
// over.
Result<std::string> wait_for(const ControlClient& client, const std::string& comes,
                             const std::string& goes, const Waiting& waiting, Format format) {
  const auto deadline = now() + waiting.timeout;
  std::string told;
  for (;;) {
    const auto left = what_is_left(client, comes, goes);
    if (left && left->empty()) {
      const auto list = client.get(masters_path);
      if (list) return shown(*list, format);
    }
    const auto why = left ? *left : left.error().message;
    if (now() >= deadline) {
      return fail(
          ErrorCode::timed_out,
          fmt::format("{}, after {}: the change continues, repeat the command to wait for it", why,
                      to_string(waiting.timeout)));
    }
    if (why != told && waiting.progress) waiting.progress(why);
    told = why;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

Result<std::string> show_masters(const ControlClient& client, Format format) {
  const auto answer = client.get(masters_path);
  return answer ? shown(*answer, format) : answer;
}

Result<std::string> add_master(const ControlClient& client, const std::string& name,
                               const Endpoint& address, Format format) {
  const auto answer = client.post(masters_path, wish(name, address, {}));
  return answer ? shown(*answer, format) : answer;
}

Result<std::string> remove_master(const ControlClient& client, const std::string& name,
                                  const Waiting& waiting, Format format) {
  auto answer = client.remove(fmt::format("{}/{}", masters_path, name));
  if (!answer) return answer;
  return wait_for(client, {}, name, waiting, format);
}

Result<std::string> replace_master(const ControlClient& client, const std::string& old,
                                   const std::string& name, const Endpoint& address,
                                   const Waiting& waiting, Format format) {
  auto answer = client.post(masters_path, wish(name, address, old));
  if (!answer) return answer;
  return wait_for(client, name, old, waiting, format);
}

}  // namespace tandem::ctl
