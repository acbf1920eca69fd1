#include "master/control/metrics_api.hpp"

#include "common/wire/status.hpp"
#include "master/metrics/described.hpp"

namespace tandem::master {

void route_metrics(ApiRouter& router, std::function<wire::Status()> status,
                   std::function<bool()> serves, std::function<metrics::Traffic()> traffic) {
  router.add({.method = "GET",
              .path = "/metrics",
              .handler = [status = std::move(status), serves = std::move(serves),
                          traffic = std::move(traffic)](const ControlRequest&, const std::string&) {
                metrics::Exposition exposition;
                metrics::describe(exposition, status(), serves());
                if (traffic) metrics::describe(exposition, traffic());
                metrics::describe_process(exposition);
                ControlResponse response;
                response.content_type = metrics::Exposition::content_type;
                response.body = exposition.text();
                return response;
              }});
}

}  // namespace tandem::master
