#include "master/control/discovery/discovery_api.hpp"

#include <algorithm>
#include <functional>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/http/api_response.hpp"
#include "master/control/discovery/consul_documents.hpp"

namespace tandem::master {

namespace {

namespace asio = boost::asio;

// What is asked of a list of instances: `tag` may be there several times.
struct Question {
  QueryParameters parameters;
  std::vector<std::string> tags;
};

// Clients of Consul send these whatever they ask; here there is one datacenter, and each answer is
// as new as this master's knowledge. What else would choose among instances (filter, near) is not
// known, and refused rather than ignored.
Result<Question> question_of(std::string_view query) {
  constexpr std::string_view tag = "tag=";
  Question question;
  std::string rest;
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (part.starts_with(tag)) {
      question.tags.push_back(percent_decoded(part.substr(tag.size())));
    } else {
      rest += (rest.empty() ? "" : "&") + std::string(part);
    }
  }
  auto parameters = parse_query(rest, {"index", "wait", "passing", "dc", "stale", "consistent",
                                       "cached", "pretty", "token", "ns", "partition"});
  if (!parameters) return parameters.error();
  question.parameters = std::move(*parameters);
  return question;
}

asio::awaitable<ControlResponse> answer_news(BlockingQueries& queries, Result<Question> question,
                                             std::function<std::string(const Question&)> tell) {
  if (!question) co_return refusal(question.error());
  const auto wanted = BlockingQueries::wait_of(question->parameters);
  if (!wanted) co_return refusal(wanted.error());
  auto waiting = queries.wait(*wanted);
  co_await std::move(waiting);
  const auto index = queries.index();
  auto response = document(tell(*question));
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

void route_discovery(ApiRouter& router, const Registry& registry,
                     const Registrations& registrations, BlockingQueries& queries) {
  const auto seen = [&registry, &registrations] {
    const auto instant = now();
    return WorkersSeen{registry.workers(instant), registrations, instant};
  };
  const auto route = [&](std::string_view path, auto tell) {
    router.add(
        {.method = "GET",
         .path = path,
         .handler = [&queries, tell](const ControlRequest& request, const std::string& name) {
           return answer_news(
               queries, question_of(request.query), [tell, name](const Question& question) {
                 return tell(InstancesWanted{.service = name,
                                             .passing = is_set(question.parameters, "passing"),
                                             .tags = question.tags});
               });
         }});
  };
  route("/v1/catalog/services", [seen](const InstancesWanted&) { return consul_services(seen()); });
  route("/v1/catalog/service/{name}", [seen](const InstancesWanted& wanted) {
    return consul_catalog(seen(), {.service = wanted.service, .tags = wanted.tags});
  });
  route("/v1/health/service/{name}",
        [seen](const InstancesWanted& wanted) { return consul_health(seen(), wanted); });
  router.add({.method = "GET",
              .path = "/v1/discovery/prometheus",
              .handler = [seen](const ControlRequest&, const std::string&) {
                return document(prometheus_targets(seen()));
              }});
}

}  // namespace tandem::master
