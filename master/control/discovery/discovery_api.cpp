#include "master/control/discovery/discovery_api.hpp"

#include <functional>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/http/api_response.hpp"
#include "master/control/discovery/consul_documents.hpp"

namespace tandem::master {

namespace {

namespace asio = boost::asio;

// What it answers when the wait is over.
using Tell = std::function<std::string(const QueryParameters& parameters)>;

// Clients of Consul send these whatever they ask; here there is one datacenter, and each answer is
// as new as this master's knowledge. What would choose among instances (tag, filter, near) is not
// known, and refused rather than ignored.
Result<QueryParameters> parameters_of(std::string_view query) {
  return parse_query(query, {"index", "wait", "passing", "dc", "stale", "consistent", "cached",
                             "pretty", "token", "ns", "partition"});
}

asio::awaitable<ControlResponse> answer_news(BlockingQueries& queries,
                                             Result<QueryParameters> parameters, Tell tell) {
  if (!parameters) co_return refusal(parameters.error());
  const auto wanted = BlockingQueries::wait_of(*parameters);
  if (!wanted) co_return refusal(wanted.error());
  auto waiting = queries.wait(*wanted);
  co_await std::move(waiting);
  const auto index = queries.index();
  auto response = document(tell(*parameters));
  response.fields.emplace_back("X-Consul-Index", std::to_string(index));
  response.fields.emplace_back("X-Consul-KnownLeader", "true");
  response.fields.emplace_back("X-Consul-LastContact", "0");
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", index));
  co_return response;
}

bool is_set(const QueryParameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found != parameters.end() && found->second != "false" && found->second != "0";
}

}  // namespace

void route_discovery(ApiRouter& router, const Registry& registry, const std::string& node,
                     BlockingQueries& queries) {
  const auto route = [&](std::string_view path, auto tell) {
    router.add(
        {.method = "GET",
         .path = path,
         .handler = [&queries, tell](const ControlRequest& request, const std::string& name) {
           return answer_news(
               queries, parameters_of(request.query),
               [tell, name](const QueryParameters& parameters) { return tell(name, parameters); });
         }});
  };
  route("/v1/catalog/services", [&registry](const std::string&, const QueryParameters&) {
    return consul_services(registry.workers(now()));
  });
  route("/v1/catalog/service/{name}", [&registry](const std::string& name, const QueryParameters&) {
    return consul_catalog(registry.workers(now()), name);
  });
  route("/v1/health/service/{name}",
        [&registry](const std::string& name, const QueryParameters& parameters) {
          return consul_health(registry.workers(now()), name, is_set(parameters, "passing"));
        });
  router.add({.method = "GET",
              .path = "/v1/agent/self",
              .handler = [&node](const ControlRequest&, const std::string&) {
                return document(consul_self(node));
              }});
  router.add({.method = "GET",
              .path = "/v1/discovery/prometheus",
              .handler = [&registry](const ControlRequest&, const std::string&) {
                return document(prometheus_targets(registry.workers(now())));
              }});
}

}  // namespace tandem::master
