#include "ctl/measures.hpp"

#include <nlohmann/json.hpp>

namespace tandem::ctl {

namespace {

// The member of that name, if it is an object; else an empty one.
nlohmann::json object_in(std::string_view document, const char* name) {
  auto json = nlohmann::json::parse(document, nullptr, false);
  if (!json.is_object() || !json.contains(name) || !json[name].is_object())
    return nlohmann::json::object();
  return std::move(json[name]);
}

double number_in(const nlohmann::json& json, const char* name) {
  if (!json.is_object() || !json.contains(name) || !json[name].is_number()) return 0;
  return json[name].get<double>();
}

}  // namespace

Measures parse_measures(std::string_view latency, std::string_view history) {
  Measures measures;
  const auto workers = object_in(latency, "workers");
  for (const auto& [name, took] : workers.items()) {
    measures.workers[name] = {number_in(took, "p50_ms"), number_in(took, "p99_ms")};
  }
  const auto services = object_in(history, "waiting");
  for (const auto& [name, waiting] : services.items()) {
    if (waiting.is_number_unsigned()) measures.waiting[name] = waiting.get<std::uint64_t>();
  }
  return measures;
}

Measures ask_measures(const ControlClient& client) {
  const auto latency = client.get("/v1/latency");
  // What waits now is there without the points of the past.
  const auto history = client.get("/v1/history?since=9999999999");
  return parse_measures(latency ? *latency : std::string(), history ? *history : std::string());
}

}  // namespace tandem::ctl
