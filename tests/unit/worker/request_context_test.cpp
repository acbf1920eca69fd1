// What a handler is told of its request: identity, trace, deadline.
#include <catch2/catch.hpp>

#include <chrono>

#include "tandem/worker.hpp"
#include "tests/unit/worker/serving.hpp"

namespace tandem::test::request_context_test {

using namespace std::chrono_literals;

namespace {

const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// What the handler was told of a request with those fields.
RequestContext told(const httplib::Headers& fields, std::chrono::milliseconds pause = 0ms) {
  RequestContext context;
  Serving serving([&](httplib::Server& server) {
    server.Get("/", [&](const httplib::Request& request, httplib::Response&) {
      std::this_thread::sleep_for(pause);
      context = context_of(request);
    });
  });
  auto client = serving.client();
  const auto answer = client.Get("/", fields);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  return context;
}

}  // namespace

TEST_CASE("a handler is told its request's id, trace and deadline") {
  const auto before = std::chrono::steady_clock::now();
  const auto context = told({{"X-Request-Id", "id-1"},
                             {"traceparent", traceparent},
                             {"tracestate", "a=1"},
                             {"tracestate", "b=2"},
                             {"Tandem-Timeout-Ms", "5000"}});
  CHECK(context.request_id == "id-1");
  CHECK(context.traceparent == traceparent);
  CHECK(context.trace_id == "0af7651916cd43dd8448eb211c80319c");
  CHECK(context.parent_id == "b7ad6b7169203331");
  CHECK(context.sampled);
  CHECK((context.tracestate == "a=1,b=2" || context.tracestate == "b=2,a=1"));
  REQUIRE(context.deadline);
  CHECK(*context.deadline >= before + 5s);
  CHECK(*context.deadline <= std::chrono::steady_clock::now() + 5s);
}

TEST_CASE("a deadline counts from the arrival of the request, not from the question") {
  const auto context = told({{"Tandem-Timeout-Ms", "60000"}}, 50ms);
  REQUIRE(context.deadline);
  CHECK(*context.deadline <= std::chrono::steady_clock::now() + 60s - 50ms);
}

TEST_CASE("what a request does not say, or says badly, is not there") {
  const auto nothing = told({});
  CHECK(nothing.request_id.empty());
  CHECK(nothing.traceparent.empty());
  CHECK_FALSE(nothing.sampled);
  CHECK_FALSE(nothing.deadline);
  const auto broken = "ff" + traceparent.substr(2);
  CHECK(told({{"traceparent", broken}, {"tracestate", "a=1"}}).tracestate.empty());
  CHECK(told({{"traceparent", broken}}).trace_id.empty());
  CHECK(told({{"traceparent", traceparent}, {"traceparent", traceparent}}).traceparent.empty());
  const auto half = told({{"traceparent", traceparent}, {"tracestate", "a=1,a=2"}});
  CHECK(half.traceparent == traceparent);
  CHECK(half.tracestate.empty());
}

}  // namespace tandem::test::request_context_test
