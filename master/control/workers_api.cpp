#include "master/control/workers_api.hpp"

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// The list of one, or of none when the name is known by a decision alone.
std::string list_of(const Registry& registry, std::string_view name) {
  std::vector<wire::WorkerStatus> list;
  if (auto worker = registry.worker(name, now())) list.push_back(std::move(*worker));
  return wire::to_json(list);
}

ControlResponse show(const Registry& registry, std::string_view name) {
  if (registry.worker(name, now())) return document(list_of(registry, name));
  return refusal(
      fail(ErrorCode::not_found, fmt::format("no worker has the name {}", name), "name"));
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
                                     std::string_view body) {
  const auto spec = wire::parse_worker_spec(body);
  if (!spec) co_return refusal(spec.error());
  const auto change = registry.add(*spec);
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change);
  if (const auto made = co_await std::move(committing); !made)
    co_return not_committed(made.error());
  auto response = document(list_of(registry, spec->name));
  response.status = 201;
  response.fields.emplace_back("Location", fmt::format("/v1/workers/{}", spec->name));
  co_return response;
}

asio::awaitable<ControlResponse> remove(const Registry& registry, const Commit& commit,
                                        std::string name) {
  auto last_seen = list_of(registry, name);
  const auto change = registry.remove(name);
  if (!change) co_return refusal(change.error());
  auto committing = commit(**change);
  if (const auto made = co_await std::move(committing); !made)
    co_return not_committed(made.error());
  co_return document(std::move(last_seen));
}

// Makes what was decided about `name`, if anything is left to do, and shows the worker.
asio::awaitable<ControlResponse> decide(const Registry& registry, const Commit& commit,
                                        std::string name, Result<std::optional<Change>> change) {
  if (!change) co_return refusal(change.error());
  if (*change) {
    auto committing = commit(**change);
    if (const auto made = co_await std::move(committing); !made)
      co_return not_committed(made.error());
  }
  co_return document(list_of(registry, name));
}

asio::awaitable<ControlResponse> refused(Error error) { co_return refusal(error); }

}  // namespace

ControlResponse not_committed(const Error& error) {
  if (error.code != ErrorCode::timed_out) return refusal(error);
  return {.status = 503,
          .body = wire::error_document("outcome_unknown", error.message),
          .fields = {{"Retry-After", "1"}}};
}

void route_workers(ApiRouter& router, const Registry& registry, Commit commit) {
  // Adds a route whose handler gets the name once it was checked.
  const auto change_named = [&router](std::string_view method, std::string_view pattern,
                                      auto handler) {
    router.add_change(method, pattern,
                      [handler](const ControlRequest& request, std::string_view text) {
                        const auto name = parse_name(text, "name");
                        return name ? handler(*name, request.body) : refused(name.error());
                      });
  };
  router.add("GET", "/v1/workers", [&registry](const ControlRequest&, std::string_view) {
    return document(wire::to_json(registry.workers(now())));
  });
  router.add("GET", "/v1/workers/{name}",
             [&registry](const ControlRequest&, std::string_view text) {
               const auto name = parse_name(text, "name");
               return name ? show(registry, *name) : refusal(name.error());
             });
  router.add_change("POST", "/v1/workers",
                    [&registry, commit](const ControlRequest& request, std::string_view) {
                      return add(registry, commit, request.body);
                    });
  change_named("DELETE", "/v1/workers/{name}",
               [&registry, commit](const std::string& name, std::string_view) {
                 return remove(registry, commit, name);
               });
  change_named("POST", "/v1/workers/{name}/drain",
               [&registry, commit](const std::string& name, std::string_view body) {
                 const auto nothing = read_nothing(body);
                 return nothing ? decide(registry, commit, name, registry.drain(name))
                                : refused(nothing.error());
               });
  change_named("POST", "/v1/workers/{name}/undrain",
               [&registry, commit](const std::string& name, std::string_view body) {
                 const auto nothing = read_nothing(body);
                 return nothing ? decide(registry, commit, name, registry.undrain(name))
                                : refused(nothing.error());
               });
  change_named("POST", "/v1/workers/{name}/weight",
               [&registry, commit](const std::string& name, std::string_view body) {
                 const auto weight = read_weight(body);
                 if (!weight) return refused(weight.error());
                 return decide(registry, commit, name, registry.set_weight(name, *weight));
               });
}

}  // namespace tandem::master
