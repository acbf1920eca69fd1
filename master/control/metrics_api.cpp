#include "master/control/metrics_api.hpp"

#include "common/wire/status.hpp"
#include "master/metrics/described.hpp"

namespace tandem::master {

namespace {

boost::asio::awaitable<ControlResponse> expose(const MetricsSources& sources,
                                               LongDocuments& documents) {
  return documents.write(sources.status, [serves = sources.serves(), counts = sources.counts(),
                                          traffic = sources.traffic](const wire::Status& status) {
    metrics::Exposition exposition;
    metrics::describe(exposition, status, serves);
    metrics::describe(exposition, counts);
    if (traffic) metrics::describe(exposition, traffic());
    metrics::describe_process(exposition);
    ControlResponse response;
    response.content_type = metrics::Exposition::content_type;
    response.body = exposition.text();
    return response;
  });
}

}  // namespace

void route_metrics(ApiRouter& router, MetricsSources sources, LongDocuments& documents) {
  router.add({.method = "GET",
              .path = "/metrics",
              .handler = [sources = std::move(sources), &documents](const ControlRequest&,
                                                                    const std::string&) {
                return expose(sources, documents);
              }});
}

}  // namespace tandem::master
