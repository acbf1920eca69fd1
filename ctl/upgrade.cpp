#include "ctl/upgrade.hpp"

#include <chrono>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/wire/status.hpp"

namespace tandem::ctl {

namespace {

using Json = nlohmann::ordered_json;

// As long as a master gives a new process to check its configuration, and to take its sockets.
constexpr Duration ready_max = 45s;
// A new process that is ready serves in less than a second, or another is started in its place. It
// is given up if it ends before it is asked to.
constexpr Duration serving_max = 10s;
// It does so when somebody leads, or when nobody has for so long.
constexpr Duration leader_max = 5s;
constexpr std::chrono::milliseconds look_again{50};

Result<wire::Status> status_of(const ControlClient& client) {
  const auto answer = client.get("/status");
  if (!answer) return answer.error();
  return wire::parse_status(*answer);
}

// Once another process than `before` serves: what it says of itself.
Result<wire::Status> await_another(const ControlClient& client, std::int64_t before) {
  const auto deadline = now() + serving_max;
  Instant seen = Instant::never();
  for (;;) {
    auto status = status_of(client);
    if (status && status->process && status->process->pid != before) {
      if (seen == Instant::never()) seen = now();
      if (status->primary || now() >= seen + leader_max) return status;
    } else if (now() >= deadline) {
      const auto what = status ? fmt::format("process {} was not replaced and still serves", before)
                               : "nobody answers any more, " + status.error().message;
      return fail(ErrorCode::timed_out, fmt::format("{}: the log of the master says why", what));
    }
    std::this_thread::sleep_for(look_again);
  }
}

std::string outcome(const wire::Status& before, const wire::Status& after) {
  auto text = fmt::format("{}: process {} ({}) has taken the place of {} ({})\n", after.node,
                          after.process->pid, after.version, before.process->pid, before.version);
  if (const auto& former = after.former_process; former && former->connections > 0) {
    text += fmt::format("clients still connected to process {}: {}\n", former->pid,
                        former->connections);
  }
  if (!after.primary) text += "nobody is known to lead\n";
  return text;
}

Result<std::string> upgrade(const ControlClient& client, Format format) {
  const auto before = status_of(client);
  if (!before) return before.error();
  if (!before->process) {
    return fail(ErrorCode::unavailable,
                fmt::format("{} runs version {}, which cannot be upgraded while it serves: restart "
                            "it",
                            before->node, before->version));
  }
  const auto begun = client.post_waiting("/v1/upgrade", ready_max);
  if (!begun) return begun.error();
  const auto after = await_another(client, before->process->pid);
  if (!after) return after.error();
  const auto wanted = Json::parse(*begun, nullptr, false).value("pid", std::int64_t{0});
  if (after->process->pid != wanted) {
    return fail(ErrorCode::unavailable,
                fmt::format("the new process {} ended before it served, and process {} of version "
                            "{} serves instead: the log of the master says why",
                            wanted, after->process->pid, after->version));
  }
  if (format == Format::tables) return outcome(*before, *after);
  return Json{{"node", after->node},
              {"pid", after->process->pid},
              {"version", after->version},
              {"former", {{"pid", before->process->pid}, {"version", before->version}}}}
             .dump() +
         "\n";
}

}  // namespace

void add_upgrade_command(CLI::App& app, BoundCommands& commands) {
  commands.push_back({add_command(app, "upgrade",
                                  "let the program of a master, which may be another version by "
                                  "now, take the place of the process that serves"),
                      [](const ControlClient& client, const Waiting&, Format format) {
                        return upgrade(client, format);
                      },
                      true});
}

}  // namespace tandem::ctl
