#include "master/control/upgrade_api.hpp"

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/http/api_response.hpp"

namespace tandem::master {

namespace asio = boost::asio;

void route_upgrade(ApiRouter& router, const UpgradeHooks& hooks, asio::thread_pool& blocking) {
  if (!hooks.begin) return;
  router.add(
      {.method = "POST",
       .path = "/v1/upgrade",
       .handler = [&hooks, &blocking](const ControlRequest&,
                                      const std::string&) -> asio::awaitable<ControlResponse> {
         auto beginning = asio::co_spawn(
             blocking,
             [&hooks]() -> asio::awaitable<std::optional<Result<UpgradeStarted>>> {
               co_return hooks.begin();
             },
             asio::use_awaitable);
         const auto begun = co_await std::move(beginning);
         if (!*begun) co_return refusal(begun->error());
         const auto& started = begun->value();
         auto answer =
             document(nlohmann::json{{"pid", started.pid}, {"version", started.version}}.dump());
         answer.kept_until_sent = started.untold;
         co_return answer;
       }});
}

}  // namespace tandem::master
