#include "master/control/workers_api.hpp"

#include <charconv>

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/name.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "common/http/api_response.hpp"
#include "master/control/limits.hpp"
#include "master/control/access_control.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A list with that worker, or an empty one if only a decision about the name exists.
std::string list_of(const Registry& registry, std::string_view name) {
  std::vector<wire::WorkerStatus> list;
  if (auto worker = registry.worker(name, now())) list.push_back(std::move(*worker));
  return wire::to_json(list);
}

ControlResponse show_worker(const Registry& registry, std::string_view name) {
  if (registry.worker(name, now())) return document(list_of(registry, name));
  return refusal(no_such_worker(name));
}

Result<> read_nothing(std::string_view body) {
  if (body.empty()) return {};
  const auto json = wire::parse_object(body, limits::control_body_bytes_max);
  if (!json) return json.error();
  return wire::MemberReader(*json).finish(wire::UnknownMembers::refuse);
}

Result<std::optional<unsigned>> read_weight(std::string_view body) {
  const auto json = wire::parse_object(body, limits::control_body_bytes_max);
  if (!json) return json.error();
  wire::MemberReader members(*json);
  std::optional<unsigned> weight;
  if (!json->contains("weight") || !members.is_null("weight")) {
    members.number("weight", weight.emplace(), 0, limits::weight_max);
  }
  if (const auto read = members.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return weight;
}

asio::awaitable<ControlResponse> add(const Registry& registry, const Commit& commit,
                                     const std::function<Result<>(const Endpoint&)>& check_address,
                                     std::string_view body, wire::Author by) {
  const auto spec = wire::parse_worker_spec(body);
  if (!spec) co_return refusal(spec.error());
  if (const auto allowed = check_address(spec->address); !allowed)
    co_return refusal(allowed.error());
  const auto change = registry.add(*spec);
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, by);
  if (const auto made = co_await std::move(committing); !made)
    co_return not_committed(made.error());
  auto response = document(list_of(registry, spec->name));
  response.status = 201;
  response.fields.emplace_back("Location", fmt::format("/v1/workers/{}", spec->name));
  co_return response;
}

// The parameters of a query about waiting.
struct Patience {
  std::optional<Duration> wait{};  // unset: not given
  bool now = false;                // ?now=true
};

Result<Patience> read_patience(std::string_view query, bool may_be_now) {
  auto parameters =
      may_be_now ? parse_query(query, {"wait_ms", "now"}) : parse_query(query, {"wait_ms"});
  if (!parameters) return parameters.error();
  Patience patience;
  if (const auto found = parameters->find("now"); found != parameters->end()) {
    if (found->second != "true" && found->second != "false") {
      return invalid("now must be true or false", "now");
    }
    patience.now = found->second == "true";
  }
  if (const auto found = parameters->find("wait_ms"); found != parameters->end()) {
    constexpr std::chrono::milliseconds longest = limits::drained_wait_max;
    const auto& text = found->second;
    std::int64_t ms = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || ms < 0 || ms > longest.count()) {
      return invalid(fmt::format("wait_ms must be a number from 0 to {}", longest.count()),
                     "wait_ms");
    }
    patience.wait = std::chrono::milliseconds(ms);
  }
  return patience;
}

// Why a wait was not successful, and which decision holds nevertheless. `but`: ", and not removed",
// or nothing.
ControlResponse not_drained(const DrainedOutcome& outcome, const std::string& name,
                            std::string_view but) {
  using End = DrainedOutcome::End;
  switch (outcome.end) {
    case End::in_flight: {
      const auto message =
          fmt::format("{} is drained{}: {} of its requests {} still in flight", name, but,
                      outcome.in_flight, outcome.in_flight == 1 ? "is" : "are");
      return {.status = 409,
              .body = wire::dump({{"error", {{"code", "in_flight"}, {"message", message}}},
                                  {"in_flight", outcome.in_flight}})};
    }
    case End::undrained:
      return refusal(fail(ErrorCode::conflict,
                          fmt::format("{} is not drained{}: an operator wants it to get requests "
                                      "again",
                                      name, but),
                          "name"));
    case End::leads_no_more:
      return {
          .status = 503,
          .body = wire::error_document(
              "not_primary",
              fmt::format("{} is drained{}: this master no longer leads, ask again", name, but)),
          .fields = {{"Retry-After", "1"}}};
    case End::busy: break;
    case End::drained: assertion_failed("a wait that ended otherwise", __FILE__, __LINE__);
  }
  return refusal(fail(
      ErrorCode::unavailable,
      fmt::format("{} is drained{}: there are too many such waits already, ask again", name, but)));
}

constexpr std::string_view not_removed = " and not removed";

// What was not known when it was answered: a member of the answer.
ControlResponse with_warning(ControlResponse response, const std::string& warning) {
  if (warning.empty()) return response;
  const auto answered = wire::parse_object(response.body, limits::control_body_bytes_max);
  if (!answered) return response;
  nlohmann::ordered_json document(*answered);
  document["warning"] = warning;
  response.body = wire::dump(document);
  return response;
}

// Numeric, as the registry knows it; nothing: there is none.
std::optional<Endpoint> address_of(const Registry& registry, std::string_view name) {
  const auto worker = registry.worker(name, now());
  if (!worker) return std::nullopt;
  auto address = parse_endpoint(worker->address, "its address");
  if (!address) return std::nullopt;
  return *std::move(address);
}

// Has the worker at that address taken out of the registries of --publish. Returns a warning;
// empty: it is not there.
asio::awaitable<std::string> unlist(const Withdraw& withdraw, std::optional<Endpoint> address,
                                    std::string name) {
  if (!address) co_return std::string();
  auto withdrawing = withdraw(*std::move(address));
  const auto problem = co_await std::move(withdrawing);
  if (problem.empty()) co_return std::string();
  co_return fmt::format("{} may still be listed in a registry: {}", name, problem);
}

// Drains it and waits. Returns a response if that did not succeed, so that nothing was removed.
asio::awaitable<std::optional<ControlResponse>> drain_first(const Registry& registry,
                                                            const Commit& commit,
                                                            const Withdraw& withdraw,
                                                            DrainedWait& drained, std::string name,
                                                            wire::Author by, Duration wait) {
  const auto change = registry.drain(name);
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, by);
  if (const auto made = co_await std::move(committing); !made)
    co_return not_committed(made.error());
  auto unlisting = unlist(withdraw, address_of(registry, name), name);
  const auto warning = co_await std::move(unlisting);
  auto waiting = drained.wait(name, wait);
  const auto outcome = co_await std::move(waiting);
  if (outcome.end == DrainedOutcome::End::drained) co_return std::nullopt;
  co_return with_warning(not_drained(outcome, name, not_removed), warning);
}

asio::awaitable<ControlResponse> remove(const Registry& registry, const Commit& commit,
                                        const Withdraw& withdraw, DrainedWait& drained,
                                        std::string name, wire::Author by,
                                        Result<Patience> patience) {
  if (!patience) co_return refusal(patience.error());
  auto last_seen = list_of(registry, name);
  const auto address = address_of(registry, name);
  if (const auto possible = registry.remove(name); !possible) co_return refusal(possible.error());
  const bool drains_first = !patience->now && registry.worker(name, now());
  if (drains_first) {
    const Duration wait = patience->wait.value_or(limits::drained_wait);
    auto draining = drain_first(registry, commit, withdraw, drained, name, by, wait);
    auto unfinished = co_await std::move(draining);
    if (unfinished) co_return std::move(*unfinished);
    if (!registry.worker(name, now())) co_return document(std::move(last_seen));
    last_seen = list_of(registry, name);
  }
  const auto change = registry.remove(name);
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, by);
  const auto made = co_await std::move(committing);
  if (made) {
    auto unlisting = unlist(withdraw, address, name);
    const auto warning = co_await std::move(unlisting);
    co_return with_warning(document(std::move(last_seen)), warning);
  }
  const auto why = made.error().code;
  if (!drains_first || why == ErrorCode::timed_out || why == ErrorCode::not_found)
    co_return not_committed(made.error());
  co_return refusal(fail(made.error().code, fmt::format("{} is drained{}: {}", name, not_removed,
                                                        made.error().message)));
}

// Answers when the worker has no requests in flight any more.
asio::awaitable<ControlResponse> await_drained(const Registry& registry, DrainedWait& drained,
                                               std::string name, Duration wait) {
  auto waiting = drained.wait(name, wait);
  const auto outcome = co_await std::move(waiting);
  if (outcome.end != DrainedOutcome::End::drained) co_return not_drained(outcome, name, "");
  co_return document(list_of(registry, name));
}

asio::awaitable<ControlResponse> show_drained(const Registry& registry, DrainedWait& drained,
                                              std::string name, Result<Patience> patience) {
  if (!patience) co_return refusal(patience.error());
  if (!registry.worker(name, now())) co_return show_worker(registry, name);
  auto awaiting =
      await_drained(registry, drained, name, patience->wait.value_or(limits::drained_wait));
  co_return co_await std::move(awaiting);
}

// Commits a decision about `name`, and answers with the worker.
asio::awaitable<ControlResponse> decide(const Registry& registry, const Commit& commit,
                                        std::string name, wire::Author by, Result<Change> change) {
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, by);
  if (const auto made = co_await std::move(committing); !made)
    co_return not_committed(made.error());
  co_return document(list_of(registry, name));
}

asio::awaitable<ControlResponse> drain(const Registry& registry, const Commit& commit,
                                       const Withdraw& withdraw, DrainedWait& drained,
                                       std::string name, wire::Author by,
                                       Result<Patience> patience) {
  if (!patience) co_return refusal(patience.error());
  auto deciding = decide(registry, commit, name, by, registry.drain(name));
  auto decided = co_await std::move(deciding);
  if (decided.status != 200) co_return std::move(decided);
  auto unlisting = unlist(withdraw, address_of(registry, name), name);
  const auto warning = co_await std::move(unlisting);
  if (!patience->wait) co_return with_warning(std::move(decided), warning);
  auto awaiting = await_drained(registry, drained, name, *patience->wait);
  auto answer = co_await std::move(awaiting);
  co_return with_warning(std::move(answer), warning);
}

asio::awaitable<ControlResponse> refused(Error error) { co_return refusal(error); }

// How long the caller wants to wait for requests in flight; `unsaid` if it is not given.
Duration wait_of(const ControlRequest& request, bool may_be_now, Duration unsaid) {
  const auto patience = read_patience(request.query, may_be_now);
  if (!patience || patience->now) return Duration::zero();
  return patience->wait.value_or(unsaid);
}

Duration wait_of_drain(const ControlRequest& request) { return wait_of(request, false, 0s); }
Duration wait_of_drained(const ControlRequest& request) {
  return wait_of(request, false, limits::drained_wait);
}
Duration wait_of_removal(const ControlRequest& request) {
  return wait_of(request, true, limits::drained_wait);
}

// The endpoints whose answer may wait until no requests are in flight any more.
void route_drains(ApiRouter& router, const Registry& registry, Commit commit, Withdraw withdraw,
                  DrainedWait& drained) {
  using enum ApiEndpoint::Role;
  router.add({.method = "DELETE",
              .path = "/v1/workers/{name}",
              .role = primary,
              .wait = wait_of_removal,
              .handler = [&registry, commit, withdraw, &drained](const ControlRequest& request,
                                                                 const std::string& name) {
                return remove(registry, commit, withdraw, drained, name,
                              AccessControl::author_of(request),
                              read_patience(request.query, true));
              }});
  // Changes nothing, but only the primary can answer it.
  router.add(
      {.method = "GET",
       .path = "/v1/workers/{name}/drained",
       .role = primary,
       .wait = wait_of_drained,
       .handler = [&registry, &drained](const ControlRequest& request, const std::string& name) {
         return show_drained(registry, drained, name, read_patience(request.query, false));
       }});
  router.add({.method = "POST",
              .path = "/v1/workers/{name}/drain",
              .role = primary,
              .wait = wait_of_drain,
              .handler = [&registry, commit, withdraw, &drained](const ControlRequest& request,
                                                                 const std::string& name) {
                const auto nothing = read_nothing(request.body);
                if (!nothing) return refused(nothing.error());
                return drain(registry, commit, withdraw, drained, name,
                             AccessControl::author_of(request),
                             read_patience(request.query, false));
              }});
}

}  // namespace

ControlResponse not_committed(const Error& error) {
  if (error.code != ErrorCode::timed_out) return refusal(error);
  return {.status = 503,
          .body = wire::error_document("outcome_unknown", error.message),
          .fields = {{"Retry-After", "1"}}};
}

void route_workers(ApiRouter& router, const Registry& registry, Commit commit, DrainedWait& drained,
                   Withdraw withdraw, LongDocuments& documents,
                   std::function<Result<>(const Endpoint&)> check_address) {
  using enum ApiEndpoint::Role;
  router.add({.method = "GET",
              .path = "/v1/workers",
              .handler = [&documents](const ControlRequest&, const std::string&) {
                return documents.write([] { return wire::Status(); },
                                       [](const wire::Status& status) {
                                         return document(wire::to_json(status.workers));
                                       });
              }});
  router.add({.method = "GET",
              .path = "/v1/workers/{name}",
              .handler = [&registry](const ControlRequest&, const std::string& name) {
                return show_worker(registry, name);
              }});
  router.add({.method = "POST",
              .path = "/v1/workers",
              .role = primary,
              .handler = [&registry, commit, check_address](const ControlRequest& request,
                                                            const std::string&) {
                return add(registry, commit, check_address, request.body,
                           AccessControl::author_of(request));
              }});
  router.add(
      {.method = "POST",
       .path = "/v1/workers/{name}/undrain",
       .role = primary,
       .handler = [&registry, commit](const ControlRequest& request, const std::string& name) {
         const auto nothing = read_nothing(request.body);
         return nothing ? decide(registry, commit, name, AccessControl::author_of(request),
                                 registry.undrain(name))
                        : refused(nothing.error());
       }});
  router.add(
      {.method = "POST",
       .path = "/v1/workers/{name}/weight",
       .role = primary,
       .handler = [&registry, commit](const ControlRequest& request, const std::string& name) {
         const auto weight = read_weight(request.body);
         if (!weight) return refused(weight.error());
         return decide(registry, commit, name, AccessControl::author_of(request),
                       registry.set_weight(name, *weight));
       }});
  route_drains(router, registry, std::move(commit), std::move(withdraw), drained);
}

}  // namespace tandem::master
