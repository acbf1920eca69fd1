#include "master/control/services_api.hpp"

#include <charconv>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/wire/status.hpp"
#include "common/http/api_response.hpp"
#include "master/control/access_control.hpp"
#include "master/control/discovery/blocking_queries.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

namespace {

namespace asio = boost::asio;

asio::awaitable<ControlResponse> change_settings(const Registry& registry, const Commit& commit,
                                                 wire::Author by, Result<Change> change,
                                                 std::string service) {
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, std::move(by));
  if (const auto made = co_await std::move(committing); !made) {
    co_return not_committed(made.error());
  }
  co_return document(wire::to_json(registry.settings(service)));
}

Result<Change> read_settings(const Registry& registry, const std::string& service,
                             std::string_view body) {
  const auto settings = wire::parse_service_settings(body);
  if (!settings) return settings.error();
  return registry.set_settings(service, *settings);
}

ControlResponse show_service(const Registry& registry, const std::string& name) {
  const auto service = registry.service(name, now());
  if (service) return document(wire::to_json(*service));
  return refusal(
      fail(ErrorCode::not_found, fmt::format("no service has the name {}", name), "name"));
}

// The number in an entity tag of this API, "12"; 0: it is another's, or `*`.
std::uint64_t number_in(std::string_view tag) {
  std::uint64_t number = 0;
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return 0;
  tag = tag.substr(1, tag.size() - 2);
  const auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), number);
  return error == std::errc() && end == tag.data() + tag.size() ? number : 0;
}

struct ServiceQuestion {
  std::string service;
  BlockingQueries::Wait wait{};  // its index: what the caller has
  bool has_all = false;          // an If-None-Match says so: it can be told that nothing is new
};

Result<ServiceQuestion> question_of(const ControlRequest& request, const std::string& service) {
  const auto parameters = parse_query(request.query, {"index", "wait"});
  if (!parameters) return parameters.error();
  const auto wait = BlockingQueries::wait_of(*parameters);
  if (!wait) return wait.error();
  ServiceQuestion question{.service = service, .wait = *wait};
  if (!parameters->contains("wait")) question.wait.longest = Duration::zero();
  question.has_all = !request.if_none_match.empty();
  if (question.wait.index == 0) question.wait.index = number_in(request.if_none_match);
  return question;
}

// The index is of all services, so a caller may be told what it knows already. To wait on while its
// own has not changed would need the service as the caller was told of it: what is known now may
// have become so since, ahead of its index.
asio::awaitable<ControlResponse> show_news(const Registry& registry, BlockingQueries& queries,
                                           Result<ServiceQuestion> asked) {
  if (!asked) co_return refusal(asked.error());
  const auto [service, wait, has_all] = *asked;
  const auto knows_all = [&] { return wait.index != 0 && wait.index == queries.index(); };
  if (knows_all() && wait.longest > Duration::zero() && queries.is_full()) {
    co_return refusal(
        fail(ErrorCode::unavailable, "as many as may wait for news of services do: ask again"));
  }
  auto waiting = queries.wait(wait);
  co_await std::move(waiting);
  auto answer = show_service(registry, service);
  if (knows_all() && has_all && answer.status == 200) answer = {.status = 304, .body = {}};
  answer.fields.emplace_back("ETag", fmt::format("\"{}\"", queries.index()));
  answer.fields.emplace_back("Tandem-Index", std::to_string(queries.index()));
  co_return answer;
}

void route_settings(ApiRouter& router, const Registry& registry, Commit commit) {
  using enum ApiEndpoint::Role;
  constexpr std::string_view path = "/v1/services/{name}/settings";
  router.add({.method = "GET",
              .path = path,
              .handler = [&registry](const ControlRequest&, const std::string& name) {
                return document(wire::to_json(registry.settings(name)));
              }});
  router.add(
      {.method = "PUT",
       .path = path,
       .role = primary,
       .handler = [&registry, commit](const ControlRequest& request, const std::string& name) {
         return change_settings(registry, commit, AccessControl::author_of(request),
                                read_settings(registry, name, request.body), name);
       }});
  router.add(
      {.method = "DELETE",
       .path = path,
       .role = primary,
       .handler = [&registry, commit](const ControlRequest& request, const std::string& name) {
         return change_settings(registry, commit, AccessControl::author_of(request),
                                registry.remove_settings(name), name);
       }});
}

}  // namespace

void route_services(ApiRouter& router, const Registry& registry, Commit commit,
                    BlockingQueries& queries) {
  route_settings(router, registry, std::move(commit));
  router.add({.method = "GET",
              .path = "/v1/services",
              .handler = [&registry](const ControlRequest&, const std::string&) {
                return document(wire::to_json(registry.services(now())));
              }});
  router.add(
      {.method = "GET",
       .path = "/v1/services/{name}",
       .handler = [&registry, &queries](const ControlRequest& request, const std::string& name) {
         return show_news(registry, queries, question_of(request, name));
       }});
}

}  // namespace tandem::master
