#include "master/control/openapi_api.hpp"

#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/base/version.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

namespace {

using Json = nlohmann::ordered_json;
using Access = ApiEndpoint::Access;

// Who may ask; "" for everybody.
const char* role_of(const ApiEndpoint& endpoint) {
  switch (endpoint.access) {
    case Access::by_method: return endpoint.method == "GET" ? "viewer" : "operator";
    case Access::open:
    case Access::anyone: return "";
    case Access::viewer: return "viewer";
    case Access::operator_: return "operator";
    case Access::master: return "master";
    case Access::worker: return "worker";
    case Access::viewer_or_worker: return "viewer or worker";
    case Access::member: return "member";
  }
  return "";
}

Json parameter_of_path(std::string_view name) {
  return {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}};
}

Json error_answer(std::string_view why) {
  return {
      {"description", why},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
}

// What many operations answer for the same reason; those of `described` are said by its "errors".
void add_errors(const ApiEndpoint& endpoint, Json& operation) {
  const auto own = operation.value("errors", Json::object());
  operation.erase("errors");
  auto& responses = operation["responses"];
  const auto add = [&responses](const std::string& status, std::string_view why) {
    if (!responses.contains(status)) responses[status] = error_answer(why);
  };
  for (const auto& [status, why] : own.items()) add(status, why.get<std::string>());
  if (operation.contains("parameters") || operation.contains("requestBody")) {
    add("400", "what was asked for is malformed, and the error says where");
  }
  if (operation.contains("requestBody")) add("413", "the body is longer than one may be");
  if (!std::string_view(role_of(endpoint)).empty()) {
    add("401", "no token was presented, or none that is known");
    add("403", "the token allows something else");
  }
  if (endpoint.role == ApiEndpoint::Role::primary) {
    add("503", "there is no primary that can decide it now: ask again");
  }
  responses["default"] = error_answer("it was not done");
}

Json operation_of(const ApiEndpoint& endpoint, const Json& described) {
  const auto key = std::string(endpoint.method) + " " + std::string(endpoint.path);
  auto operation = described.value(key, Json{{"responses", {{"200", {{"description", "done"}}}}}});
  for (const std::string_view name : {"name", "id"}) {
    if (endpoint.path.find(fmt::format("{{{}}}", name)) == endpoint.path.npos) continue;
    operation["parameters"].push_back(parameter_of_path(name));
  }
  add_errors(endpoint, operation);
  const std::string role = role_of(endpoint);
  operation["security"] = Json::array();
  if (!role.empty()) {
    operation["security"].push_back({{"token", Json::array()}});
    operation["x-tandem-role"] = role;
  }
  return operation;
}

}  // namespace

std::string openapi_document(const std::vector<ApiEndpoint>& endpoints) {
  const auto described = Json::parse(described_operations);
  Json document{{"openapi", "3.1.0"},
                {"info", {{"title", "Tandem control API"}, {"version", version}}},
                {"paths", Json::object()},
                {"components", described["components"]}};
  document["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  for (const auto& endpoint : endpoints) {
    document["paths"][std::string(endpoint.path)][lowered(std::string(endpoint.method))] =
        operation_of(endpoint, described["operations"]);
  }
  return document.dump();
}

void route_openapi(ApiRouter& router) {
  const auto made = std::make_shared<std::string>();  // when it is asked for first: all is routed
  router.add({.method = "GET",
              .path = "/v1/openapi.json",
              .handler = [&router, made](const ControlRequest&, const std::string&) {
                if (made->empty()) *made = openapi_document(router.endpoints());
                return document(*made);
              }});
}

}  // namespace tandem::master
