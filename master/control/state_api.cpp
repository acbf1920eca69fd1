#include "master/control/state_api.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/http/api_response.hpp"
#include "common/http/limits.hpp"
#include "master/cluster/backup.hpp"
#include "master/control/pass_on.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// Changes nothing, but only the primary can answer it.
ControlResponse save(const Registry& registry, const ClusterMember& member) {
  return document(to_json(Backup{.cluster = fmt::format("{}", member.view().cluster),
                                 .term = member.view().term,
                                 .index = member.applied(),
                                 .state = registry.state()}));
}

}  // namespace

void route_state(ApiRouter& router, const Registry& registry, const ClusterMember& member) {
  router.add({.method = "GET",
              .path = "/v1/snapshot",
              .role = ApiEndpoint::Role::primary,
              .handler = [&registry, &member](const ControlRequest&, const std::string&) {
                return save(registry, member);
              }});
  router.add({.method = "GET",
              .path = state_path,
              .access = ApiEndpoint::Access::master,  // the cluster's secret is in it
              .handler = [&member](const ControlRequest&, const std::string&) {
                auto state = member.state_to_fetch(now());
                return state ? document(std::move(*state)) : refusal(state.error());
              }});
}

asio::awaitable<Result<std::string>> fetch_state(HttpCalls& calls, Endpoint primary,
                                                 std::string token) {
  ControlRequest request;
  request.method = "GET";
  request.path = state_path;
  auto asking =
      pass_on(calls, std::move(primary), request, std::move(token), limits::control_request_max);
  auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  if (answer->status == 200) co_return std::move(answer->body);
  co_return fail(ErrorCode::unavailable,
                 fmt::format("the primary answered {}: {}", answer->status, answer->body));
}

}  // namespace tandem::master
