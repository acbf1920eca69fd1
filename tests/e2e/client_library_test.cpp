// tandem::Client against real masters: slow answers, masters that die in the midst of one, streams.
#include <catch2/catch.hpp>

#include <csignal>
#include <future>

#include "tandem/client.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::client_library_test {
namespace {

struct Setting {
  explicit Setting(Network* network = nullptr) : cluster(options(network)) {
    cluster.start_workers({"w1", "w2"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
  }

  static PairClusterOptions options(Network* network) {
    PairClusterOptions options;
    options.network = network;
    return options;
  }

  // Knows the primary first.
  tandem::ClientOptions client_options() const {
    tandem::ClientOptions options;
    options.masters = {cluster.listen(primary), cluster.listen(standby)};
    options.deadline = std::chrono::seconds(30);  // only a failing test waits for so long
    options.probe_after = std::chrono::milliseconds(200);
    return options;
  }

  unsigned in_flight(const std::string& master) const {
    unsigned sum = 0;
    for (const auto& [name, worker] : cluster.status(master).workers) sum += worker.in_flight;
    return sum;
  }
  bool await_in_flight(const std::string& master) const {
    return eventually([&] { return in_flight(master) > 0; });
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

std::string why(const tandem::ClientResult& result) {
  return result ? std::to_string(result->status) : result.error().message;
}

}  // namespace

TEST_CASE("the client waits for an answer that takes many probes, through either master") {
  Setting it;
  auto options = it.client_options();
  options.probe_after = std::chrono::milliseconds(250);
  SECTION("the primary") {}
  SECTION("the standby") { std::swap(options.masters[0], options.masters[1]); }
  tandem::Client client(options);
  for (const auto* method : {"GET", "POST"}) {
    const auto answer = client.send(method, "/slow?ms=1200", {}, "");
    INFO(why(answer));
    REQUIRE(answer);
    CHECK(answer->body == "slept 1200 ms\n");
    CHECK(answer->attempts == 1);
    CHECK(answer->master == options.masters[0]);
  }
}

TEST_CASE("a slow GET of the client outlives the primary that it waits for") {
  Setting it;
  tandem::Client client(it.client_options());
  auto slow = std::async(std::launch::async, [&] { return client.Get("/slow?ms=1000"); });
  REQUIRE(it.await_in_flight(it.primary));
  SECTION("killed") { it.cluster.master(it.primary).kill9(); }
  SECTION("frozen") { it.cluster.freeze(it.primary); }
  const auto answer = slow.get();
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->master == it.cluster.listen(it.standby));
  CHECK(client.Get("/")->attempts == 1);
}

TEST_CASE("a slow GET of the client outlives a cable that is cut while it waits") {
  if (const auto reason = Network::why_not_permitted(); !reason.empty()) {
    WARN("skipped: " << reason);
    return;
  }
  Network network({"a", "b", "w1", "w2", "user"}, 1);
  Setting it(&network);
  auto slow = std::async(std::launch::async, [&] {
    const auto there = network.enter("user");
    return tandem::Client(it.client_options()).Get("/slow?ms=1000");
  });
  REQUIRE(it.await_in_flight(it.primary));
  network.cut_from_all(it.primary);  // its connections stay open, and nothing comes on them
  const auto answer = slow.get();
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->master == it.cluster.listen(it.standby));
}

TEST_CASE("an upload that is streamed while its primary is killed arrives whole") {
  Setting it;
  tandem::Client client(it.client_options());
  constexpr std::size_t length = 4 * 1024 * 1024;
  std::size_t at = 0;
  int begun = 0;
  tandem::ClientStreams streams;
  streams.source.emplace();
  SECTION("with its length") { streams.source->length = length; }
  SECTION("in chunks") {}
  streams.source->rewind = [&] {
    at = 0;
    return true;
  };
  streams.source->read = [&](char* into, std::size_t size) -> std::optional<std::size_t> {
    if (at == 0) ++begun;
    if (begun == 1 && at >= length / 2) {
      it.cluster.master(it.primary).signal(SIGKILL);
      it.cluster.master(it.primary).await_exit();
    }
    const auto count = std::min(size, length - at);
    for (std::size_t i = 0; i < count; ++i) into[i] = static_cast<char>('a' + (at + i) % 23);
    at += count;
    return count;
  };
  std::size_t taken = 0;
  bool right = true;
  streams.sink.emplace();
  streams.sink->write = [&](std::string_view piece) {
    for (const char c : piece) right = right && c == static_cast<char>('a' + taken++ % 23);
    return true;
  };
  const auto answer = client.stream("PUT", "/echo", {}, streams);
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(begun == 2);
  CHECK(taken == length);
  CHECK(right);
}

TEST_CASE("threads that share a client lose no request while masters die and return") {
  Setting it;
  tandem::Client client(it.client_options());
  std::atomic<bool> stop = false;
  std::atomic<unsigned> answered = 0;
  std::mutex mutex;
  std::string failure;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto answer = client.Get("/");
        if (answer && answer->status == 200) {
          ++answered;
          continue;
        }
        const std::lock_guard lock(mutex);
        failure = why(answer);
      }
    });
  }
  const auto await_more = [&] {
    const unsigned before = answered;
    return eventually([&] { return answered > before + 100; });
  };
  CHECK(await_more());
  it.cluster.master(it.primary).kill9();
  CHECK(await_more());
  it.cluster.start_master(it.primary);
  CHECK(it.cluster.await_whole() == "");
  it.cluster.freeze(it.standby);
  CHECK(await_more());
  it.cluster.thaw(it.standby);
  CHECK(await_more());
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(failure == "");
}

TEST_CASE("a watch sees workers come and go, over a takeover, and calls follow masters by name") {
  Setting it;
  tandem::ClientOptions options;
  for (const auto& name : it.cluster.names()) options.controls.push_back(it.cluster.control(name));
  tandem::Client client(options);  // knows no client address
  CHECK(client.Get("/")->status == 200);
  std::mutex mutex;
  std::vector<std::string> seen;
  tandem::WatchOptions watching;
  watching.interval = std::chrono::milliseconds(20);
  const auto watch = client.watch(
      "default",
      [&](const tandem::ServiceView& view) {
        std::string names;
        for (const auto& worker : view.workers) names += worker.name + " ";
        const std::lock_guard lock(mutex);
        seen.push_back(names);
      },
      watching);
  const auto comes_to = [&](const std::string& names) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return !seen.empty() && seen.back() == names;
    });
  };
  CHECK(comes_to("w1 w2 "));
  it.cluster.worker("w2").kill9();
  CHECK(comes_to("w1 "));
  it.cluster.master(it.primary).kill9();
  it.cluster.start_worker("w3", PairCluster::Votes::no);
  it.cluster.start_worker("w2");
  CHECK(comes_to("w1 w2 w3 "));
  CHECK(client.Get("/")->status == 200);
}

}  // namespace tandem::e2e::client_library_test
