// A real Prometheus reads what both masters tell, and its tools accept it and our rules.
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::metrics_test {
namespace {

bool has_prometheus() {
  if (std::filesystem::exists("/usr/bin/prometheus")) return true;
  WARN("skipped: it is not installed (scripts/install-packages.sh servers)");
  return false;
}

std::string escaped(const std::string& query) {
  std::string text;
  for (const unsigned char each : query) text += fmt::format("%{:02X}", each);
  return text;
}

// A Prometheus that scrapes both masters.
class Prometheus {
 public:
  explicit Prometheus(const PairCluster& cluster) {
    std::string targets;
    for (const auto& name : cluster.names()) {
      targets += fmt::format("{}'{}'", targets.empty() ? "" : ", ", cluster.control(name));
    }
    const auto config = cluster.dir().write(
        "prometheus.yml", fmt::format("global: {{ scrape_interval: 200ms }}\n"
                                      "scrape_configs:\n"
                                      "  - job_name: tandem\n"
                                      "    static_configs: [{{ targets: [{}] }}]\n",
                                      targets));
    process_ =
        std::make_unique<Process>(cluster.dir(), "prometheus",
                                  Arguments{"prometheus", "--config.file=" + config,
                                            "--storage.tsdb.path=" + cluster.dir().path("tsdb"),
                                            "--web.listen-address=127.0.0.1:0"});
    const std::string before = "msg=\"Listening on\" address=";
    REQUIRE(eventually([&] { return process_->errors().find(before) != std::string::npos; }));
    const auto told = process_->errors();
    const auto begin = told.find(before) + before.size();
    address_ = told.substr(begin, told.find('\n', begin) - begin);
  }

  // Whether the query is understood, and may have values: those that look back need two samples.
  bool knows(const std::string& text) const {
    const auto answer = get(address_, "/api/v1/query?query=" + escaped(text));
    if (answer.status != 200) return false;
    const auto document = nlohmann::json::parse(answer.body);
    return !document["data"]["result"].empty();
  }

  // The values that a query has now, by their instance or service; empty: none, or no answer.
  std::map<std::string, double> query(const std::string& text, const std::string& label) const {
    std::map<std::string, double> values;
    const auto answer = get(address_, "/api/v1/query?query=" + escaped(text));
    if (answer.status != 200) return values;
    const auto document = nlohmann::json::parse(answer.body);
    for (const auto& row : document["data"]["result"]) {
      values[row["metric"].value(label, "")] = std::stod(row["value"][1].get<std::string>());
    }
    return values;
  }

 private:
  std::string address_;
  std::unique_ptr<Process> process_;
};

}  // namespace

TEST_CASE("Prometheus' own check has nothing to say against what a master tells") {
  if (!has_prometheus()) return;
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(get(cluster.listen(cluster.await_primary()), "/").status == 200);
  for (const auto& name : cluster.names()) {
    const auto told = get(cluster.control(name), "/metrics");
    REQUIRE(told.status == 200);
    CHECK(told.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    const auto file = cluster.dir().write("metrics." + name, told.body);
    const auto checked = run({"sh", "-c", "promtool check metrics < " + file});
    CHECK(checked.status == 0);
    CHECK(checked.errors == "");
  }
}

TEST_CASE("Prometheus sees a primary that dies, and the other that takes over") {
  if (!has_prometheus()) return;
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  REQUIRE(cluster.await_whole() == "");
  for (int number = 0; number < 20; ++number) {
    REQUIRE(get(cluster.listen(primary), "/").status == 200);
  }
  for (int number = 0; number < 7; ++number) {
    REQUIRE(get(cluster.listen(standby), "/").status == 200);
  }
  const Prometheus prometheus(cluster);
  const std::map<std::string, double> first{{cluster.control(primary), 1},
                                            {cluster.control(standby), 0}};
  CHECK(eventually([&] { return prometheus.query("tandem_serving", "instance") == first; }));
  CHECK(eventually([&] {
    const auto sums = prometheus.query("sum by (service) (tandem_requests_total)", "service");
    return sums == std::map<std::string, double>{{"default", 27}};
  }));
  CHECK(eventually([&] {
    return prometheus.query("sum by (instance) (tandem_passed_on_requests_total)", "instance") ==
           std::map<std::string, double>{{cluster.control(primary), 0},
                                         {cluster.control(standby), 7}};
  }));
  cluster.master(primary).kill9();
  const std::map<std::string, double> then{{cluster.control(standby), 1}};
  CHECK(eventually([&] { return prometheus.query("tandem_serving", "instance") == then; }));
  CHECK(eventually([&] {
    return prometheus.query("tandem_protected", "instance") ==
           std::map<std::string, double>{{cluster.control(standby), 0}};
  }));
}

TEST_CASE("each query of the dashboard for Grafana is answered") {
  if (!has_prometheus()) return;
  PairCluster cluster;
  cluster.start_workers({"w1"});
  REQUIRE(cluster.await_whole() == "");
  REQUIRE(get(cluster.listen(cluster.await_primary()), "/").status == 200);
  const Prometheus prometheus(cluster);
  const auto text = read_file(std::string(TANDEM_EXAMPLES_DIR) + "/prometheus/dashboard.json");
  const auto dashboard = nlohmann::json::parse(text);
  CHECK(dashboard["panels"].size() > 15);
  for (const auto& panel : dashboard["panels"]) {
    if (panel["title"] == "Certificate left") continue;  // there is none
    for (const auto& target : panel["targets"]) {
      const auto query = target["expr"].get<std::string>();
      INFO(panel["title"].get<std::string>() << ": " << query);
      CHECK(eventually([&] { return prometheus.knows(query); }));
    }
  }
}

TEST_CASE("each rule for alerts fires when it should, and not otherwise") {
  if (!has_prometheus()) return;
  const auto rules = std::string(TANDEM_EXAMPLES_DIR) + "/prometheus/";
  CHECK(run({"promtool", "check", "rules", rules + "alerts.yml"}).status == 0);
  const auto tested = run({"promtool", "test", "rules", rules + "alerts_test.yml"});
  INFO(tested.output << tested.errors);
  CHECK(tested.status == 0);
  CHECK(run({"promtool", "check", "config", rules + "prometheus.yml"}).status == 0);
}

TEST_CASE("each master tells its elections, its lease, its disk, and the heartbeats that it took") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  const auto told = [&](const std::string& name, const std::string& sample) {
    const auto text = "\n" + get(cluster.control(name), "/metrics").body;
    const auto at = text.find("\n" + sample + " ");
    if (at == text.npos) throw std::runtime_error("not told: " + sample);
    return std::stod(text.substr(at + sample.size() + 2));
  };
  CHECK(told(primary, "tandem_elections_won_total") == 1);
  CHECK(told(primary, "tandem_elections_total") >= 1);
  CHECK(eventually([&] { return told(primary, "tandem_lease_remaining_seconds") > 0; }));
  CHECK(told(cluster.standby_of(primary), "tandem_lease_remaining_seconds") == 0);
  CHECK(told(primary, "tandem_storage_commit_seconds_count") > 0);
  CHECK(told(primary, "tandem_storage_failures_total") == 0);
  for (const auto& name : cluster.names()) {
    CHECK(eventually([&] { return told(name, "tandem_unprotected_seconds") == 0; }));
    CHECK(told(name, R"(tandem_heartbeats_total{result="ok"})") >= 2);
    CHECK(told(name, R"(tandem_heartbeats_total{result="refused"})") == 0);
  }
  CHECK(cluster.tell(primary, "/heartbeat", "{}").status == 400);
  CHECK(told(primary, R"(tandem_heartbeats_total{result="refused"})") == 1);
  cluster.worker("w1").kill9();
  cluster.worker("w2").kill9();
  CHECK(eventually([&] { return told(primary, "tandem_unprotected_seconds") > 0; }));
}

TEST_CASE("bodies are counted in both directions, and connections where they are") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto told = [&](const std::string& sample) {
    const auto text = "\n" + get(cluster.control(primary), "/metrics").body;
    const auto at = text.find("\n" + sample + " ");
    return at == text.npos ? -1 : std::stod(text.substr(at + sample.size() + 2));
  };
  const std::string service = R"({service="default"})";
  const auto before = told("tandem_request_body_bytes_total" + service);
  Client client(cluster.listen(primary));
  REQUIRE(client.post("/", std::string(1'000, 'x')).status > 0);
  REQUIRE(client.post_chunked("/", std::string(500, 'y')).status > 0);
  CHECK(eventually([&] {
    return told("tandem_request_body_bytes_total" + service) == std::max(before, 0.0) + 1'500;
  }));
  CHECK(told("tandem_worker_connections" + service) >= 1);
  CHECK(told("tandem_control_connections") >= 2);  // of the worker, and of who asks
}

TEST_CASE("the master that forwards tells how long its workers take") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  for (int number = 0; number < 20; ++number) {
    REQUIRE(get(cluster.listen(primary), "/").status == 200);
  }
  const auto told = [&](const std::string& name) {
    return nlohmann::json::parse(get(cluster.control(name), "/v1/latency").body);
  };
  const auto workers = told(primary)["workers"];
  REQUIRE(workers.contains("w1"));
  CHECK(workers["w1"]["p50_ms"] > 0);
  CHECK(workers["w1"]["p99_ms"] >= workers["w1"]["p50_ms"]);
  CHECK(told(cluster.standby_of(primary))["workers"].empty());
}

}  // namespace tandem::e2e::metrics_test
