#include "ctl/draining.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/status.hpp"

namespace tandem::ctl {

namespace {

constexpr Duration longest_question = 1s;
constexpr Duration pause_without_master = 100ms;
constexpr auto nobody = R"({"workers":[]})";

// How many requests the answer says to be in flight; nothing when it says something else.
std::optional<unsigned> in_flight_of(const ControlClient::Reply& reply) {
  if (reply.status != 409 || wire::error_code(reply.body) != "in_flight") return std::nullopt;
  const auto document = wire::parse_object(reply.body, limits::control_body_bytes_max);
  if (!document) return std::nullopt;
  wire::MemberReader reader(*document);
  unsigned in_flight = 0;
  reader.number("in_flight", in_flight, 0, limits::worker_in_flight_max);
  if (reader.failed()) return std::nullopt;
  return in_flight;
}

std::string count_of(unsigned in_flight) {
  return fmt::format("{} {}", in_flight, in_flight == 1 ? "request" : "requests");
}

// Tells a line when it is another than the last.
class Progress {
 public:
  explicit Progress(const Waiting& waiting) : tell_(waiting.progress) {}
  void at(std::string line) {
    if (line == last_) return;
    last_ = std::move(line);
    if (tell_) tell_(last_);
  }

 private:
  const std::function<void(const std::string&)>& tell_;
  std::string last_;
};

// Asks until a master answers that it is done, and returns its document. `path` takes a wait_ms.
Result<std::string> ask_until_done(const ControlClient& client, const std::string& method,
                                   const std::string& path, const std::string& worker,
                                   const Waiting& waiting, bool may_be_gone) {
  const auto deadline = now() + waiting.timeout;
  Progress progress(waiting);
  std::string left = "an unknown number of requests";
  std::string why;
  bool is_drained = may_be_gone;
  for (;;) {
    const auto wait = std::clamp<Duration>(deadline - now(), 0s, longest_question);
    const auto reply =
        client.exchange(method, fmt::format("{}?wait_ms={}", path, to_ms(wait)), wait);
    if (!reply) {
      why = fmt::format(" ({})", reply.error().message);
      progress.at(fmt::format("{}: {}", worker, reply.error().message));
    } else if (reply->status / 100 == 2) {
      return reply->body;
    } else if (const auto in_flight = in_flight_of(*reply)) {
      left = count_of(*in_flight);
      is_drained = true;
      why.clear();
      progress.at(fmt::format("{}: {} in flight", worker, left));
    } else if (reply->status == 404 && may_be_gone) {
      return std::string(nobody);
    } else {
      return invalid(wire::error_message(reply->body));
    }
    may_be_gone = true;  // what was asked may have been done, though its answer was lost
    if (now() >= deadline && !is_drained) {
      return fail(ErrorCode::timed_out,
                  fmt::format("{} is not removed, nor known to be drained, after {}{}", worker,
                              to_string(waiting.timeout), why));
    }
    if (now() >= deadline) {
      return fail(ErrorCode::timed_out,
                  fmt::format("{} is drained, but not idle after {}: {} still in flight{}", worker,
                              to_string(waiting.timeout), left, why));
    }
    if (!reply) std::this_thread::sleep_for(std::min<Duration>(pause_without_master, wait));
  }
}

// A witness that was removed counts until another takes its place, which is soon where there is
// one.
std::string without_vote(const ControlClient& client, const std::string& worker) {
  const auto deadline = now() + longest_question;
  for (;;) {
    const auto document = client.get("/status");
    const auto status = document ? wire::parse_status(*document) : document.error();
    if (!status) return {};
    const bool votes = std::any_of(
        status->voters.begin(), status->voters.end(),
        [&](const auto& voter) { return voter.name == worker && voter.kind == "witness"; });
    if (!votes) return {};
    if (now() >= deadline) break;
    std::this_thread::sleep_for(pause_without_master);
  }
  return fmt::format(
      "{} was a witness, and counts as a silent voter until another worker with a --state-dir "
      "takes "
      "its place\n",
      worker);
}

std::string removed(const ControlClient& client, const std::string& worker) {
  return fmt::format("{} is removed\n{}", worker, without_vote(client, worker));
}

}  // namespace

Result<std::string> drain_and_wait(const ControlClient& client, const std::string& worker,
                                   const Waiting& waiting, Format format) {
  const auto path = fmt::format("/v1/workers/{}", worker);
  const auto drained = client.post(path + "/drain");
  if (!drained) return drained.error();
  auto done = ask_until_done(client, "GET", path + "/drained", worker, waiting, true);
  if (!done || format == Format::json) return done;
  return fmt::format("{} is drained: nothing of it is in flight\n{}", worker, warning_in(*drained));
}

Result<std::string> remove(const ControlClient& client, const std::string& worker,
                           const Waiting& waiting, Format format) {
  const auto path = fmt::format("/v1/workers/{}", worker);
  auto done = ask_until_done(client, "DELETE", path, worker, waiting, false);
  if (!done || format == Format::json) return done;
  return removed(client, worker) + warning_in(*done);
}

Result<std::string> remove_now(const ControlClient& client, const std::string& worker,
                               Format format) {
  auto done = client.remove(fmt::format("/v1/workers/{}?now=true", worker));
  if (!done || format == Format::json) return done;
  return removed(client, worker) + warning_in(*done);
}

}  // namespace tandem::ctl
