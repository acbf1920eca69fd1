// One publication, before a registry that answers what the test has written down; and what of a
// snapshot is published.
#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "master/control/discovery/published_workers.hpp"
#include "master/publication/publication.hpp"

namespace tandem::master::publication_test {
namespace {

namespace asio = boost::asio;

const std::string lost = "lost";

// "ok" or "lost" for each round; then it waits until it is cancelled.
struct Answering : Publisher {
  Answering(asio::io_context& loop, std::deque<std::string> all, std::string& all_asked)
      : answers(std::move(all)), asked(all_asked), endless(loop) {}

  asio::awaitable<Result<Held>> bring(Wanted wanted) override {
    asked += fmt::format("{}{} ", wanted.entries->size(), wanted.withdrawn.empty() ? "" : "w");
    if (answers.empty()) {
      boost::system::error_code ignored;
      endless.expires_after(1h);
      if (on_end) on_end();
      co_await endless.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      co_return fail(ErrorCode::unavailable, "cancelled");
    }
    const auto next = answers.front();
    answers.pop_front();
    if (on_round) on_round();
    if (next == lost) co_return fail(ErrorCode::unavailable, "refused");
    co_return Held{.entries = wanted.entries->size()};
  }
  asio::awaitable<void> withdraw() override {
    asked += "withdraw ";
    co_return;
  }
  void leave() override { asked += "leave "; }
  void cancel() override { endless.cancel(); }

  std::deque<std::string> answers;
  std::string& asked;
  asio::steady_timer endless;
  std::function<void()> on_end;
  std::function<void()> on_round;
};

struct Scene {
  explicit Scene(std::deque<std::string> answers, std::size_t servers = 1) {
    auto answering = std::make_unique<Answering>(loop, std::move(answers), asked);
    registry = answering.get();
    publication = std::make_shared<Publication>(
        loop, std::move(answering), servers,
        [this](const PublicationReport& report) {
          reports += report.lost.empty() ? std::to_string(report.held.entries) + " " : "lost ";
        },
        PublicationPauses{.after_round = 1ms,
                          .renewal = 2ms,
                          .spares_former = 5ms,
                          .retry_first = 1ms,
                          .retry_max = 2ms});
    registry->on_end = [this] { asio::post(loop, [this] { publication->stop(at_the_end); }); };
  }
  static WantedEntries entries(std::uint16_t count) {
    return [count] {
      PublishedEntries all;
      for (std::uint16_t i = 1; i <= count; ++i) {
        all.insert({.service = "web", .address = {"10.0.0.1", i}});
      }
      return std::make_shared<const PublishedEntries>(std::move(all));
    };
  }
  void run() {
    publication->start();
    loop.run();  // ends, since nothing is waited for after stop()
  }

  asio::io_context loop;
  Answering* registry;
  std::shared_ptr<Publication> publication;
  Publication::Entries at_the_end = Publication::Entries::stay;
  std::string asked;
  std::string reports;
};

const PublishingMaster us{.cluster = "5", .node = "a"};

}  // namespace

TEST_CASE("what is wanted is brought again and again as long as this master leads") {
  Scene scene({"ok", "ok"});
  scene.publication->lead(us, Scene::entries(2));
  scene.run();
  CHECK(scene.asked == "2 2 2 ");
  CHECK(scene.reports == "2 2 ");
}

TEST_CASE("a registry is lost once each of its servers has failed, and found again") {
  Scene scene({lost, lost, lost, lost, "ok"}, 2);
  scene.publication->lead(us, Scene::entries(1));
  scene.run();
  CHECK(scene.reports == "lost lost 1 ");
}

TEST_CASE("changes during a round are one round more") {
  Scene scene({"ok", "ok"});
  int rounds = 0;
  scene.registry->on_round = [&] {
    if (++rounds > 1) return;
    for (std::uint16_t i = 2; i <= 100; ++i) scene.publication->change(Scene::entries(i));
  };
  scene.publication->lead(us, Scene::entries(1));
  scene.run();
  CHECK(scene.asked == "1 100 100 ");
}

TEST_CASE("who withdraws an entry is told when a round has brought that") {
  Scene scene({"ok", "ok"});
  std::string told = "nothing";
  int rounds = 0;
  scene.registry->on_round = [&] {
    if (++rounds > 1) return;
    scene.publication->change(Scene::entries(1));
    scene.publication->withdraw({"10.0.0.1", 2}, [&](std::string problem) {
      told = "gone" + problem;
      CHECK(scene.asked == "2 1w ");
    });
  };
  scene.publication->lead(us, Scene::entries(2));
  scene.run();
  CHECK(told == "gone");
}

TEST_CASE("who withdraws an entry is told at once that the registry is lost") {
  Scene scene({lost, lost, lost});
  std::vector<std::string> told;
  scene.registry->on_round = [&] {
    scene.publication->withdraw({"10.0.0.1", 2},
                                [&](std::string problem) { told.push_back(std::move(problem)); });
  };
  scene.publication->lead(us, Scene::entries(2));
  scene.run();
  // The first two wait for it to be lost, the third one knows.
  CHECK(told == std::vector<std::string>{"refused", "refused", "refused"});
}

TEST_CASE("a master that ceases to lead leaves its entries, and answers who waits") {
  Scene scene({"ok", "ok"});
  std::string told;
  scene.registry->on_round = [&] {
    scene.publication->withdraw({"10.0.0.1", 2}, [&](std::string problem) { told = problem; });
    scene.publication->lead_no_more();
    scene.registry->on_round = {};
    asio::co_spawn(
        scene.loop,
        [](Scene& where) -> asio::awaitable<void> {
          asio::steady_timer timer(where.loop);
          while (where.asked.find("leave") == where.asked.npos) {
            timer.expires_after(1ms);
            co_await timer.async_wait(asio::use_awaitable);
          }
          where.publication->lead(us, Scene::entries(3));
        }(scene),
        asio::detached);
  };
  scene.publication->lead(us, Scene::entries(2));
  scene.run();
  CHECK(told == "this master no longer leads");
  CHECK(scene.asked == "2 leave 3 3 ");
  CHECK(scene.reports == "3 ");
}

TEST_CASE("entries are taken away at the end if that is wanted") {
  Scene scene({"ok"});
  scene.at_the_end = Publication::Entries::are_withdrawn;
  scene.registry->on_end = {};
  scene.registry->on_round = [&] {
    asio::post(scene.loop, [&] { scene.publication->stop(scene.at_the_end); });
  };
  scene.publication->lead(us, Scene::entries(1));
  scene.run();
  CHECK(scene.asked == "1 withdraw ");
}

TEST_CASE("published are workers that get traffic and were not read from a registry") {
  Snapshot snapshot;
  auto service = std::make_shared<SnapshotService>();
  service->name = "web";
  const auto add = [&](std::uint16_t port, auto change) {
    auto worker = std::make_shared<SnapshotWorker>();
    worker->address = {"10.0.0.1", port};
    worker->weight = 100;
    worker->counters = std::make_shared<WorkerCounters>();
    change(*worker);
    service->workers.push_back(std::move(worker));
  };
  add(1, [](SnapshotWorker&) {});
  add(2, [](SnapshotWorker& worker) { worker.weight = 0; });
  add(3, [](SnapshotWorker& worker) { worker.last_resort = true; });
  add(4, [](SnapshotWorker& worker) { worker.is_discovered = true; });
  add(5, [](SnapshotWorker& worker) { worker.counters->suspect = true; });
  add(6, [](SnapshotWorker& worker) { worker.counters->ejected_until = 7; });
  add(7, [](SnapshotWorker& worker) { worker.counters->down = true; });
  auto empty = std::make_shared<SnapshotService>();
  empty->name = "none";
  snapshot.services = {empty, service};
  const auto workers = published_workers(snapshot);
  REQUIRE(workers.size() == 1);
  CHECK(workers.begin()->address.port == 1);
  CHECK_FALSE(workers.begin()->tls);
  const auto masters = published_masters(snapshot, {{"10.0.0.8", 80}, {"10.0.0.9", 80}});
  REQUIRE(masters.size() == 2);
  CHECK(masters.begin()->service == "web");
}

}  // namespace tandem::master::publication_test
