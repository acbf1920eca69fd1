#include "master/control/workers_api.hpp"

#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/control/api_response.hpp"

namespace tandem::master {

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

ControlResponse add(Registry& registry, std::string_view body) {
  const auto spec = wire::parse_worker_spec(body);
  if (!spec) return refusal(spec.error());
  if (const auto added = registry.add(*spec, now()); !added) return refusal(added.error());
  auto response = document(list_of(registry, spec->name));
  response.status = 201;
  response.fields.emplace_back("Location", fmt::format("/v1/workers/{}", spec->name));
  return response;
}

ControlResponse remove(Registry& registry, std::string_view name) {
  auto last_seen = list_of(registry, name);
  if (const auto removed = registry.remove(name); !removed) return refusal(removed.error());
  return document(std::move(last_seen));
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

ControlResponse decided(const Registry& registry, std::string_view name, const Result<>& decision) {
  return decision ? document(list_of(registry, name)) : refusal(decision.error());
}

}  // namespace

void route_workers(ApiRouter& router, Registry& registry) {
  // Adds a route whose handler gets the name once it was checked.
  const auto route_named = [&router](std::string_view method, std::string_view pattern,
                                     auto handler) {
    router.add(method, pattern, [handler](const ControlRequest& request, std::string_view text) {
      const auto name = parse_name(text, "name");
      return name ? handler(*name, request.body) : refusal(name.error());
    });
  };
  router.add("GET", "/v1/workers", [&registry](const ControlRequest&, std::string_view) {
    return document(wire::to_json(registry.workers(now())));
  });
  router.add("POST", "/v1/workers", [&registry](const ControlRequest& request, std::string_view) {
    return add(registry, request.body);
  });
  route_named("GET", "/v1/workers/{name}", [&registry](const std::string& name, std::string_view) {
    return show(registry, name);
  });
  route_named(
      "DELETE", "/v1/workers/{name}",
      [&registry](const std::string& name, std::string_view) { return remove(registry, name); });
  route_named("POST", "/v1/workers/{name}/drain",
              [&registry](const std::string& name, std::string_view body) {
                const auto nothing = read_nothing(body);
                return nothing ? decided(registry, name, registry.drain(name))
                               : refusal(nothing.error());
              });
  route_named("POST", "/v1/workers/{name}/undrain",
              [&registry](const std::string& name, std::string_view body) {
                const auto nothing = read_nothing(body);
                return nothing ? decided(registry, name, registry.undrain(name))
                               : refusal(nothing.error());
              });
  route_named("POST", "/v1/workers/{name}/weight",
              [&registry](const std::string& name, std::string_view body) {
                const auto weight = read_weight(body);
                if (!weight) return refusal(weight.error());
                return decided(registry, name, registry.set_weight(name, *weight));
              });
}

}  // namespace tandem::master
