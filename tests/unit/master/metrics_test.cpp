// What is counted, and what Prometheus reads of it.
#include "master/metrics/described.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "master/metrics/request_counts.hpp"

namespace tandem::master::metrics::metrics_test {

using namespace std::chrono_literals;

namespace {

ServiceTraffic only(const RequestCounts& counts, const std::string& service) {
  std::map<std::string, ServiceTraffic> services;
  counts.add_to(services);
  REQUIRE(services.contains(service));
  return services[service];
}

std::uint64_t count(const ServiceTraffic& traffic, HttpProtocol protocol, Outcome outcome) {
  return traffic.requests[static_cast<std::size_t>(protocol)][static_cast<std::size_t>(outcome)];
}

std::set<std::string> words(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

// With one of everything, so that no metric is left out.
std::string everything() {
  wire::Status status;
  status.version = "1";
  status.role = "standby";
  status.vips.push_back({.address = "10.0.0.1/24", .interface = "eth0", .problem = ""});
  status.publications.push_back({.publication = "etcd=h:1", .state = "written"});
  status.sources.push_back({.source = "web=consul:h:1",
                            .service = "web",
                            .state = "lost",
                            .instances = 3,
                            .left_out = 1});
  status.certificates.push_back({.file = "c.pem", .names = {}, .expires = "", .days_left = 3});
  status.voters.push_back({.name = "a", .kind = "master", .match_index = {}, .lag = 0});
  status.services.push_back({.name = "shop", .workers = 3, .out = 1});
  wire::WorkerStatus worker;
  worker.name = "w1";
  worker.service = "shop";
  worker.state = "up";
  worker.last_heartbeat_ms = 5;
  worker.certificate_days_left = 3;
  status.workers.push_back(worker);
  RequestCounts counts;
  counts.add({.service = "shop", .status = 200, .attempts = 1, .duration = 3ms, .first_byte = 2ms});
  Traffic traffic;
  counts.add_to(traffic.services);
  traffic.loops.emplace_back();
  Exposition exposition;
  describe(exposition, status, false);
  ControlCounts control;
  control.checks["shop"] = {.good = 2, .failed = 1};
  control.worker_connections["shop"] = 3;
  describe(exposition, control);
  describe(exposition, traffic);
  describe_process(exposition);
  return exposition.text();
}

}  // namespace

TEST_CASE("requests are counted by service, protocol and outcome") {
  RequestCounts counts;
  counts.add({.service = "shop",
              .status = 200,
              .attempts = 1,
              .response_bytes = 10,
              .duration = 700us,
              .first_byte = 600us});
  counts.add({.service = "shop",
              .is_http2 = true,
              .status = 503,
              .attempts = 3,
              .duration = 1min,
              .first_byte = 1min});
  counts.add({.service = "shop", .status = 499, .duration = 500us});
  counts.add({.service = "", .status = 400, .duration = 1us, .first_byte = 1us});
  const auto shop = only(counts, "shop");
  CHECK(count(shop, HttpProtocol::http1, Outcome::success) == 1);
  CHECK(count(shop, HttpProtocol::http2, Outcome::server_error) == 1);
  CHECK(count(shop, HttpProtocol::http1, Outcome::closed) == 1);
  CHECK(shop.attempts == 4);
  CHECK(shop.response_bytes == 10);
  CHECK(shop.duration.buckets[0] == 1);      // of half a millisecond, inclusive
  CHECK(shop.duration.buckets[1] == 1);      // up to one
  CHECK(shop.duration.buckets.back() == 1);  // above the last bound
  CHECK(shop.duration.total == 1min + 1200us);
  CHECK(shop.first_byte.buckets[0] == 0);  // no answer was begun
  CHECK(count(only(counts, ""), HttpProtocol::http1, Outcome::client_error) == 1);
}

TEST_CASE("services beyond the limit are counted together") {
  RequestCounts counts;
  for (std::size_t number = 0; number < limits::measured_services_max + 50; ++number) {
    const auto name = "s" + std::to_string(number);
    counts.add({.service = name, .status = 200, .duration = 1ms});
    counts.add({.service = "s0", .status = 200, .duration = 1ms});
  }
  std::map<std::string, ServiceTraffic> services;
  counts.add_to(services);
  CHECK(services.size() == limits::measured_services_max + 1);
  CHECK(count(services["other"], HttpProtocol::http1, Outcome::success) == 50);
  CHECK(count(services["s0"], HttpProtocol::http1, Outcome::success) ==
        limits::measured_services_max + 51);
}

TEST_CASE("counts are summed over loops while these go on") {
  RequestCounts counts;
  std::atomic<bool> stop{false};
  std::thread loop([&] {
    for (std::size_t number = 0; !stop; ++number) {
      const auto name = "s" + std::to_string(number % 400);
      counts.add({.service = name, .status = 200, .duration = 1ms, .first_byte = 1ms});
    }
  });
  std::uint64_t seen = 0;
  for (int look = 0; look < 200; ++look) {
    std::map<std::string, ServiceTraffic> services;
    counts.add_to(services);
    std::uint64_t sum = 0;
    for (const auto& [name, traffic] : services) {
      sum += count(traffic, HttpProtocol::http1, Outcome::success);
    }
    CHECK(sum >= seen);
    seen = sum;
  }
  stop = true;
  loop.join();
}

TEST_CASE("a histogram is told by cumulative buckets, and a label is quoted") {
  Exposition exposition;
  HistogramSums sums;
  sums.buckets[0] = 2;
  sums.buckets.back() = 1;
  sums.total = 1500ms;
  exposition.begin(Exposition::Kind::histogram, "took_seconds", "How long");
  exposition.add(sums, {{"of", "a \"b\"\\\n"}});
  const auto text = exposition.text();
  CHECK(text.find(R"(took_seconds_bucket{of="a \"b\"\\\n",le="0.0005"} 2)") != std::string::npos);
  CHECK(text.find(R"(le="30"} 2)") != std::string::npos);
  CHECK(text.find(R"(le="+Inf"} 3)") != std::string::npos);
  CHECK(text.find(R"(took_seconds_sum{of="a \"b\"\\\n"} 1.5)") != std::string::npos);
}

TEST_CASE("a metric without samples is left out") {
  Exposition exposition;
  exposition.begin(Exposition::Kind::gauge, "nothing", "None");
  exposition.single(Exposition::Kind::gauge, "something", "One", 1);
  exposition.begin(Exposition::Kind::gauge, "nothing_either", "None");
  CHECK(exposition.text() == "# HELP something One\n# TYPE something gauge\nsomething 1\n");
}

TEST_CASE("answers of a worker are told from the first one on, and what never came is not") {
  wire::Status status;
  status.workers.resize(1);
  status.workers[0].name = "w1";
  status.workers[0].service = "shop";
  status.workers[0].answers = {{{0, 0, 3, 0, 0}, {0, 7, 0, 0, 0}}};
  Exposition exposition;
  describe(exposition, status, false);
  const auto told = [&](const std::string& labels) {
    return exposition.text().find("tandem_worker_requests_total{service=\"shop\",worker=\"w1\"," +
                                  labels + "\n") != std::string::npos;
  };
  CHECK(told(R"(protocol="http1",status="2xx"} 0)"));
  CHECK(told(R"(protocol="http1",status="3xx"} 3)"));
  CHECK(told(R"(protocol="http1",status="5xx"} 0)"));
  CHECK(told(R"(protocol="http2",status="2xx"} 7)"));
  CHECK_FALSE(told(R"(protocol="http1",status="4xx"} 0)"));
  CHECK_FALSE(told(R"(protocol="http2",status="3xx"} 0)"));
}

TEST_CASE("the document on metrics lists those that there are, and no other") {
  std::ifstream file(TANDEM_SOURCE_DIR "/docs/metrics.md");
  std::stringstream document;
  document << file.rdbuf();
  const auto told = words(everything(), std::regex("# TYPE (\\w+)"));
  CHECK(told.size() > 40);
  CHECK(words(document.str(), std::regex("`((tandem|process)_\\w+)`")) == told);
}

}  // namespace tandem::master::metrics::metrics_test
