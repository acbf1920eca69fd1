#include "master/control/latency_api.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "common/http/api_response.hpp"

namespace tandem::master {

namespace {

// Workers that have answered nothing lately are left out. Names need no quoting (name.hpp).
ControlResponse tell(const std::string& node, const Latencies& latencies) {
  auto text = fmt::format(R"({{"node":"{}","workers":{{)", node);
  bool first = true;
  const auto known =
      latencies ? latencies() : std::map<std::string, decltype(HistogramSums::buckets)>();
  for (const auto& [worker, took] : known) {
    const bool has_any =
        std::any_of(took.begin(), took.end(), [](auto count) { return count > 0; });
    if (!has_any) continue;
    fmt::format_to(std::back_inserter(text), R"({}"{}":{{"p50_ms":{:.4g},"p99_ms":{:.4g}}})",
                   first ? "" : ",", worker, metrics::quantile_ms(took, 0.5),
                   metrics::quantile_ms(took, 0.99));
    first = false;
  }
  return document(text + "}}");
}

}  // namespace

void route_latency(ApiRouter& router, const std::string& node, Latencies latencies,
                   LongDocuments& documents) {
  router.add({.method = "GET",
              .path = "/v1/latency",
              .handler = [&node, latencies = std::move(latencies), &documents](
                             const ControlRequest&, const std::string&) {
                return documents.write([node, latencies] { return tell(node, latencies); });
              }});
}

}  // namespace tandem::master
