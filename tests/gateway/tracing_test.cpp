// Traces: what workers are sent of them, and what a collector is told.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <map>
#include <set>

#include "cluster.hpp"
#include "gateway.hpp"
#include "master/forward/tracing/tracer.hpp"

namespace tandem::test::tracing_test {

using namespace std::chrono_literals;
using nlohmann::json;
using tandem::Endpoint;
using tandem::master::Tracer;
using tandem::master::TracingOptions;

namespace {

const std::string trace(32, 'a');
const std::string parent(16, 'b');
const std::string sampled = "00-" + trace + "-" + parent + "-01";
const std::string unsampled = "00-" + trace + "-" + parent + "-00";

std::string get_with(const std::string& fields, const std::string& target = "/") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

// Takes what it is sent, as a collector does.
class Collector {
 public:
  explicit Collector(std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
      : origin_(always(std::move(answer))) {}

  Endpoint address() const { return {"127.0.0.1", origin_.port()}; }
  std::vector<Message> messages() const { return origin_.requests(); }
  std::vector<json> spans() const {
    std::vector<json> all;
    for (const auto& message : origin_.requests()) {
      const auto body = json::parse(message.body);
      for (const auto& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
        all.push_back(span);
      }
    }
    return all;
  }
  // Waits for so many, and returns them by their names; attempts in the order in which they began.
  std::multimap<std::string, json> await(std::size_t count) const {
    wait_until([&] { return spans().size() >= count; });
    auto all = spans();
    CHECK(all.size() == count);
    std::sort(all.begin(), all.end(), [](const json& one, const json& other) {
      return std::stoull(one["startTimeUnixNano"].get<std::string>()) <
             std::stoull(other["startTimeUnixNano"].get<std::string>());
    });
    std::multimap<std::string, json> by_name;
    for (auto& span : all) by_name.emplace(span["name"], span);
    return by_name;
  }

 private:
  Origin origin_;
};

json attribute(const json& span, const std::string& key) {
  for (const auto& each : span["attributes"]) {
    if (each["key"] == key) return each["value"].begin().value();
  }
  return nullptr;
}

TracingOptions to(const Endpoint& collector) {
  TracingOptions options;
  options.collector = collector;
  return options;
}

TracingOptions starting(unsigned part) {
  TracingOptions options;
  options.started = part;
  return options;
}

std::string traceparent_at(const Origin& origin, std::size_t request) {
  const auto message = origin.requests().at(request);
  CHECK(message.count("traceparent") <= 1);
  return message.field("traceparent");
}

}  // namespace

TEST_CASE("without a collector a client's trace goes on as it came") {
  Origin origin(always(ok("x")));
  Tracer tracer(starting(TracingOptions::all), "a", 1);
  Gateway gateway({origin.port()}, {.tracer = &tracer});
  gateway.ask(get_with("traceparent: " + sampled + "\r\ntracestate: k=v\r\n"));
  gateway.ask(get_with("traceparent: " + unsampled + "\r\n"));
  CHECK(traceparent_at(origin, 0) == sampled);
  CHECK(origin.requests()[0].field("tracestate") == "k=v");
  CHECK(traceparent_at(origin, 1) == unsampled);
}

TEST_CASE("a request without a trace gets one where that is asked for") {
  Origin origin(always(ok("x")));
  for (const unsigned part : {0u, TracingOptions::all}) {
    Tracer tracer(starting(part), "a", 1);
    Gateway gateway({origin.port()}, {.tracer = &tracer});
    const auto before = origin.request_count();
    gateway.ask(get_with(""));
    gateway.ask(get_with("tracestate: k=v\r\n"));
    const auto first = traceparent_at(origin, before);
    CHECK(tandem::is_valid_traceparent(first));
    CHECK(tandem::read_traceparent(first).sampled == (part > 0));
    CHECK(traceparent_at(origin, before + 1).substr(0, 35) != first.substr(0, 35));
    CHECK(origin.requests()[before + 1].count("tracestate") == 0);
  }
}

TEST_CASE("a malformed traceparent is replaced, and never passed on") {
  Origin origin(always(ok("x")));
  Tracer tracer(starting(TracingOptions::all), "a", 1);
  Gateway gateway({origin.port()}, {.tracer = &tracer});
  const std::vector<std::string> broken{
      "traceparent: ff-" + trace + "-" + parent + "-01\r\n",
      "traceparent: 00-" + std::string(32, '0') + "-" + parent + "-01\r\n",
      "traceparent: 00-" + trace + "-" + std::string(16, '0') + "-01\r\n",
      "traceparent: 00-" + std::string(32, 'A') + "-" + parent + "-01\r\n",
      "traceparent: " + sampled + "\r\nTraceparent: " + sampled + "\r\n",
      "traceparent: " + sampled + "-more\r\n",
      "traceparent: " + sampled + "," + sampled + "\r\n",
      "traceparent:\r\n",
      "traceparent: " + std::string(4096, '0') + "\r\n"};
  for (std::size_t row = 0; row < broken.size(); ++row) {
    INFO(broken[row]);
    CHECK(gateway.ask(get_with(broken[row] + "tracestate: k=v\r\n")).status() == 200);
    const auto sent = traceparent_at(origin, row);
    CHECK(tandem::is_valid_traceparent(sent));
    CHECK(sent.substr(3, 32) != trace);
    CHECK(origin.requests()[row].count("tracestate") == 0);
  }
}

TEST_CASE("a malformed tracestate is dropped, and traceparent goes on without it") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const std::vector<std::string> broken{"tracestate: k\r\n",
                                        "tracestate: k=v,k=w\r\n",
                                        "tracestate: k=v\r\ntracestate: k=w\r\n",
                                        "tracestate: k=" + std::string(600, 'v') + "\r\n",
                                        "tracestate: a=" + std::string(250, 'v') +
                                            "\r\ntracestate: b=" + std::string(250, 'v') +
                                            "\r\ntracestate: c=" + std::string(250, 'v') + "\r\n",
                                        "tracestate: K=v\r\n"};
  for (std::size_t row = 0; row < broken.size(); ++row) {
    INFO(broken[row]);
    CHECK(gateway.ask(get_with("traceparent: " + sampled + "\r\n" + broken[row])).status() == 200);
    CHECK(traceparent_at(origin, row) == sampled);
    CHECK(origin.requests()[row].count("tracestate") == 0);
  }
}

TEST_CASE("a collector is told of the request, its attempt and the worker's part in it") {
  Origin origin(always(ok("x")));
  Collector collector;
  Tracer tracer(to(collector.address()), "a", 1);
  Gateway gateway({origin.port()}, {.tracer = &tracer});
  gateway.ask(get_with("traceparent: " + sampled + "\r\ntracestate: k=v\r\nX-Request-Id: id-1\r\n",
                       "/shop?secret=1"));
  const auto spans = collector.await(3);
  const auto request = spans.find("GET")->second;
  const auto attempt = spans.find("attempt")->second;
  const auto worker = spans.find("worker")->second;
  for (const auto& [name, span] : spans) CHECK(span["traceId"] == trace);
  CHECK(request["parentSpanId"] == parent);
  CHECK(attempt["parentSpanId"] == request["spanId"]);
  CHECK(worker["parentSpanId"] == attempt["spanId"]);
  CHECK(request["kind"] == 2);
  CHECK(attempt["kind"] == 3);
  CHECK(attribute(request, "url.path") == "/shop");
  CHECK(attribute(request, "http.response.status_code") == "200");
  CHECK(attribute(request, "tandem.request_id") == "id-1");
  CHECK(attribute(attempt, "tandem.outcome") == "answered");
  CHECK(attribute(attempt, "tandem.service") == "default");
  // The worker's own spans are below the attempt.
  CHECK(traceparent_at(origin, 0) ==
        "00-" + trace + "-" + attempt["spanId"].get<std::string>() + "-01");
  CHECK(origin.requests()[0].field("tracestate") == "k=v");
  const auto message = collector.messages().at(0);
  CHECK(message.start_line() == "POST /v1/traces HTTP/1.1");
  CHECK(message.field("Content-Type") == "application/json");
  CHECK(message.body.find("secret") == std::string::npos);
}

TEST_CASE("each attempt of a repeated request has a span, and its worker another parent") {
  Origin bad(always("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"));
  Origin good(always(ok("good")));
  Collector collector;
  auto options = to(collector.address());
  options.started = TracingOptions::all;
  Tracer tracer(options, "a", 1);
  Gateway gateway({bad.port(), good.port()}, {.tracer = &tracer});
  gateway.set({"balance=first_available", "retry_on=503", "retry_backoff=0s"});
  gateway.settle();
  CHECK(gateway.ask(get_with("")).body == "good");
  const auto spans = collector.await(5);
  REQUIRE(spans.count("attempt") == 2);
  const auto first = spans.lower_bound("attempt");
  CHECK(attribute(first->second, "tandem.outcome") == "retry_status");
  CHECK(first->second["status"]["code"] == 2);
  CHECK(attribute(std::next(first)->second, "tandem.outcome") == "answered");
  CHECK(traceparent_at(bad, 0).substr(36, 16) == first->second["spanId"]);
  CHECK(traceparent_at(good, 0).substr(36, 16) == std::next(first)->second["spanId"]);
  CHECK_FALSE(spans.find("GET")->second.contains("parentSpanId"));
}

TEST_CASE("a request that waited for room has a span of that") {
  std::atomic<bool> go{false};
  Origin origin([&go](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      wait_until([&] { return go.load(); });
      socket.send(ok("x"));
    }
  });
  Collector collector;
  Tracer tracer(to(collector.address()), "a", 1);
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 10s}, .tracer = &tracer});
  gateway.set({"in_flight=1"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  auto second = gateway.connect();
  second.send(get_with("traceparent: " + sampled + "\r\n"));
  wait_until([&] { return gateway.waiting() == 1; });
  go = true;
  CHECK(read_response(second).body == "x");
  const auto spans = collector.await(4);
  REQUIRE(spans.count("queue") == 1);
  CHECK(attribute(spans.find("queue")->second, "tandem.outcome") == "served");
}

TEST_CASE("a request that is refused for its head alone has a span with its status") {
  Origin origin(always(ok("x")));
  const Collector collector;
  Tracer tracer(to(collector.address()), "a", 1);
  Gateway gateway(
      {origin.port()},
      {.rate_limit = {.per_second = 0.001, .burst = 2}, .body_bytes_max = 3, .tracer = &tracer});
  const auto fields = "traceparent: " + sampled + "\r\nConnection: close\r\n";
  CHECK(gateway.ask("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n" + fields + "\r\n")
            .status() == 413);
  CHECK(gateway.ask(get_with(fields, "/fine")).status() == 200);
  CHECK(gateway.ask(get_with(fields, "/often")).status() == 429);
  std::map<std::string, json> by_path;
  for (const auto& [name, span] : collector.await(5)) {
    const auto path = attribute(span, "url.path");
    if (path.is_string()) by_path[path] = span;
  }
  for (const auto& [path, status] :
       {std::pair("/large", "413"), std::pair("/fine", "200"), std::pair("/often", "429")}) {
    INFO(path);
    REQUIRE(by_path.contains(path));
    CHECK(by_path[path]["traceId"] == trace);
    CHECK(by_path[path]["parentSpanId"] == parent);
    CHECK(attribute(by_path[path], "http.response.status_code") == status);
  }
}

TEST_CASE("a collector that is away, unwilling or silent costs spans and no request") {
  Origin origin(always(ok("x")));
  Collector unwilling("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
  Origin silent([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  });
  const std::vector<std::uint16_t> ports{closed_port(), unwilling.address().port, silent.port()};
  for (const auto port : ports) {
    auto options = to({"127.0.0.1", port});
    options.started = TracingOptions::all;
    Tracer tracer(options, "a", 1);
    Gateway gateway({origin.port()}, {.tracer = &tracer});
    auto client = gateway.connect();
    const auto lost = [&] { return tracer.dropped() + tracer.refused(); };
    const auto requests = tandem::limits::spans_waiting_max;  // three spans each
    for (std::size_t number = 0; number < requests; ++number) {
      client.send(get("/"));
      if (read_response(client).status() != 200) FAIL("a request was not served");
    }
    wait_until([&] { return lost() > 0; });
    CHECK(tracer.exported() == 0);
    const auto told = gateway.plane().traffic();
    CHECK(told.spans_dropped + told.spans_refused > 0);
  }
}

TEST_CASE("spans that wait are sent before the end") {
  Origin origin(always(ok("x")));
  Collector collector;
  {
    Tracer tracer(to(collector.address()), "a", 2);
    Gateway gateway({origin.port()}, {.threads = 2, .tracer = &tracer});
    gateway.ask(get_with("traceparent: " + sampled + "\r\n"));
    gateway.plane().drain(10s);
  }
  CHECK(collector.spans().size() == 3);
}

}  // namespace tandem::test::tracing_test
