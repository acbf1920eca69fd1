// Disks that refuse for a while: full, gone, or frozen. Service goes on, what cannot be done is
// refused with the reason, and when the disk works again nobody has to do anything.
#include <sys/resource.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/small_disk.hpp"

namespace tandem::e2e::disk_test {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

constexpr auto weight_path = "/v1/workers/server/weight";

std::string weight(unsigned value) { return fmt::format(R"({{"weight": {}}})", value); }

unsigned weight_at(const PairCluster& cluster, const std::string& master) {
  const auto workers = cluster.status(master).workers;
  const auto found = workers.find("server");
  return found == workers.end() ? 0 : found->second.weight;
}

// Changes what must be written until the member says that it cannot.
bool await_failure(const PairCluster& cluster, const std::string& through, const std::string& who) {
  unsigned value = 40;
  return eventually([&] {
    cluster.tell(through, weight_path, weight(++value));
    return cluster.status(who).failure != "";
  });
}

bool await_change(const PairCluster& cluster, const std::string& through, unsigned value) {
  return eventually(
      [&] { return cluster.tell(through, weight_path, weight(value)).status == 200; });
}

bool await_protection(const PairCluster& cluster, bool wanted) {
  return eventually([&] {
    const auto primaries = cluster.primaries();
    return primaries.size() == 1 && cluster.status(primaries[0]).is_protected == wanted;
  });
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

rlim_t lowest_free_descriptor(pid_t pid) {
  rlim_t free = 0;
  while (fs::exists(fs::symlink_status(fmt::format("/proc/{}/fd/{}", pid, free)))) ++free;
  return free;
}

// Two masters and a witness, one of them on a disk of its own.
struct Three {
  explicit Three(const std::string& on_small_disk, PairClusterOptions options = {})
      : disk(disks.path(on_small_disk)) {
    if (!disk.mounted()) return;
    if (on_small_disk != "witness") options.data_dirs[on_small_disk] = disk.path();
    if (on_small_disk == "witness") options.state_dirs["witness"] = disk.path();
    cluster.emplace(std::move(options));
    cluster->start_worker("server", PairCluster::Votes::no);
    cluster->start_workers({"witness"});
    if (cluster->await_primary() != "a") cluster->tell("a", "/v1/switchover", R"({"to": "a"})");
    REQUIRE(eventually([&] { return cluster->primaries() == std::vector<std::string>{"a"}; }));
  }

  TempDir disks;
  SmallDisk disk;
  std::optional<PairCluster> cluster;
};

// A master alone, on a disk of its own and under load.
struct Lone {
  Lone() : disk(disks.path("a")) {
    if (!disk.mounted()) return;
    PairClusterOptions options;
    options.masters = {"a"};
    options.data_dirs["a"] = disk.path();
    cluster.emplace(std::move(options));
    cluster->start_worker("server", PairCluster::Votes::no);
    REQUIRE(await_change(*cluster, "a", 37));
    load.emplace(cluster->listen("a"), 2);
    REQUIRE(load->await_more(50));
  }

  TempDir disks;
  SmallDisk disk;
  std::optional<PairCluster> cluster;
  std::optional<Load> load;
};

}  // namespace

TEST_CASE("a lone master whose disk is full serves, and takes changes again when there is room") {
  Lone lone;
  if (!lone.cluster) return;
  auto& disk = lone.disk;
  auto& cluster = *lone.cluster;
  auto& load = *lone.load;

  disk.fill();
  REQUIRE(await_failure(cluster, "a", "a"));
  const auto refused = cluster.tell("a", weight_path, weight(1));
  CHECK(refused.status == 503);
  CHECK_THAT(refused.body, Contains("unavailable") && Contains("cluster.db"));
  CHECK(cluster.ask("a", "/health").status == 200);
  CHECK_THAT(cluster.ask("a", "/health").body, Contains("the log cannot be written"));
  CHECK(cluster.ask("a", "/ready").status == 200);
  CHECK(cluster.status("a").role == "primary");
  CHECK_THAT(cluster.status("a").protection, Contains("a cannot write its log"));
  CHECK(load.await_more(200));

  disk.make_room();
  REQUIRE(await_change(cluster, "a", 38));
  CHECK(cluster.status("a").failure == "");
  CHECK_THAT(cluster.ask("a", "/health").body, !Contains("failure"));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
  const auto log = cluster.master("a").errors();
  CHECK(count_of(log, "log cannot be written") == 1);
  CHECK(count_of(log, "log is written again") == 1);

  cluster.master("a").kill9();
  cluster.start_master("a");
  CHECK(eventually([&] { return weight_at(cluster, "a") == 38; }));
}

TEST_CASE("a read-only disk or a lack of descriptors ends no service") {
  const std::string lacks = GENERATE("a writable disk", "descriptors");
  CAPTURE(lacks);
  Lone lone;
  if (!lone.cluster) return;
  auto& disk = lone.disk;
  auto& cluster = *lone.cluster;
  auto& load = *lone.load;

  // Neither concerns files that are open: so the log is closed first, by a disk that is full.
  disk.fill();
  REQUIRE(await_failure(cluster, "a", "a"));
  const auto pid = cluster.master("a").pid();
  rlimit before{};
  if (lacks == "descriptors") {
    REQUIRE(::prlimit(pid, RLIMIT_NOFILE, nullptr, &before) == 0);
    const auto free = lowest_free_descriptor(pid) + 2;  // for those who ask
    const rlimit few{free, before.rlim_max};
    REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &few, nullptr) == 0);
    disk.make_room();
  } else {
    REQUIRE(disk.set_read_only(true));
  }
  const std::string reason = lacks == "descriptors" ? "open file" : "Read-only file system";
  // Connections to the worker may take what was left for those who ask, until they are idle.
  const auto tells = [&](const char* path, const std::string& what) {
    return eventually([&] {
      const auto answer = cluster.ask("a", path);
      return answer.status == 200 && answer.body.find(what) != std::string::npos;
    });
  };
  CHECK(tells("/status", reason));
  CHECK(eventually([&] { return cluster.tell("a", weight_path, weight(1)).status == 503; }));
  CHECK(tells("/health", "the log cannot be written"));
  CHECK(load.await_more(200));

  if (lacks == "descriptors") {
    REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &before, nullptr) == 0);
  } else {
    REQUIRE(disk.set_read_only(false));
    disk.make_room();
  }
  REQUIRE(await_change(cluster, "a", 38));
  CHECK(cluster.status("a").failure == "");
  load.stop();
  CHECK(load.first_failure() == "");
  cluster.master("a").kill9();
  cluster.start_master("a");
  CHECK(eventually([&] { return weight_at(cluster, "a") == 38; }));
}

TEST_CASE("a primary whose disk is full hands over, and takes part again when there is room") {
  Three three("a");
  if (!three.disk.mounted()) return;
  auto& cluster = *three.cluster;
  REQUIRE(await_change(cluster, "a", 37));
  Load load(cluster.listen("b"), 2);
  REQUIRE(load.await_more(50));

  three.disk.fill();
  REQUIRE(await_failure(cluster, "a", "a"));
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector<std::string>{"b"}; }));
  CHECK(await_change(cluster, "a", 38));  // through the one whose disk is full
  CHECK(await_protection(cluster, false));
  CHECK(eventually([&] {
    return cluster.status("b").protection.find("a cannot write its log") != std::string::npos ||
           cluster.status("b").protection.find("a has not been heard") != std::string::npos;
  }));
  CHECK(load.await_more(50));

  three.disk.make_room();
  CHECK(await_protection(cluster, true));
  CHECK(cluster.await_whole() == "");
  CHECK(eventually([&] { return weight_at(cluster, "a") == 38; }));
  CHECK(cluster.status("a").failure == "");
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");

  cluster.master("b").kill9();  // what it lacked is on its disk now
  CHECK(cluster.await_primary() == "a");
  CHECK(weight_at(cluster, "a") == 38);
}

TEST_CASE("a standby or a witness whose disk is full is no protection until there is room") {
  const auto* const full = GENERATE("b", "witness");
  CAPTURE(full);
  Three three(full);
  if (!three.disk.mounted()) return;
  auto& cluster = *three.cluster;
  Load load(cluster.listen("a"), 2);
  REQUIRE(load.await_more(50));

  three.disk.fill();
  unsigned value = 40;
  REQUIRE(eventually([&] {
    CHECK(cluster.tell("a", weight_path, weight(++value)).status == 200);
    return !cluster.status("a").is_protected;
  }));
  CHECK_THAT(cluster.status("a").protection,
             Contains(fmt::format("{} cannot write its log", full)));
  CHECK(cluster.primaries() == std::vector<std::string>{"a"});
  CHECK(cluster.tell("a", "/v1/switchover", R"({"to": "b"})").status ==
        (std::string_view(full) == "b" ? 503 : 200));

  three.disk.make_room();
  CHECK(await_protection(cluster, true));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(cluster.await_whole() == "");
  CHECK(eventually([&] { return weight_at(cluster, "b") == value; }));
}

TEST_CASE("a disk that is full while nothing changes is no protection either") {
  const auto* const full = GENERATE("a", "b", "witness");
  CAPTURE(full);
  Three three(full);
  if (!three.disk.mounted()) return;
  auto& cluster = *three.cluster;
  REQUIRE(await_protection(cluster, true));
  three.disk.fill();
  CHECK(await_protection(cluster, false));
  CHECK(get(cluster.listen("b"), "/").status == 200);
  three.disk.make_room();
  CHECK(await_protection(cluster, true));
}

TEST_CASE("when the disks of all voters are full the primary goes on, and no other leads") {
  Three three("a");
  if (!three.disk.mounted()) return;
  auto& cluster = *three.cluster;
  // The others are on the same disk, in directories that are moved away: gone, to them.
  Load load(cluster.listen("b"), 2);
  REQUIRE(load.await_more(50));
  const auto away = [](const std::string& directory) {
    fs::rename(directory, directory + ".away");
  };
  away(cluster.data_dir("b"));
  away(cluster.state_dir("witness"));
  three.disk.fill();
  REQUIRE(await_failure(cluster, "a", "a"));
  const auto refused = cluster.tell("a", weight_path, weight(1));
  CHECK(refused.status == 503);
  CHECK(load.await_more(300));
  CHECK(cluster.primaries() == std::vector<std::string>{"a"});

  three.disk.make_room();
  fs::rename(cluster.data_dir("b") + ".away", cluster.data_dir("b"));
  fs::rename(cluster.state_dir("witness") + ".away", cluster.state_dir("witness"));
  CHECK(await_change(cluster, "b", 39));
  CHECK(await_protection(cluster, true));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("a data directory that disappears is missed, and taken again when it is back") {
  PairClusterOptions options;
  options.masters = {"a"};
  PairCluster cluster(options);
  cluster.start_worker("server", PairCluster::Votes::no);
  REQUIRE(await_change(cluster, "a", 37));
  Load load(cluster.listen("a"), 2);
  const auto directory = cluster.data_dir("a");
  fs::rename(directory, directory + ".away");
  REQUIRE(await_failure(cluster, "a", "a"));
  CHECK(eventually([&] {
    return cluster.status("a").failure.find("is gone: put it back") != std::string::npos;
  }));
  CHECK(load.await_more(100));
  fs::rename(directory + ".away", directory);
  CHECK(await_change(cluster, "a", 38));
  load.stop();
  CHECK(load.first_failure() == "");
  cluster.master("a").kill9();
  cluster.start_master("a");
  CHECK(eventually([&] { return weight_at(cluster, "a") == 38; }));
}

TEST_CASE("a frozen disk holds up only those that need it") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: a sanitizer wants to be the first library that is loaded");
  return;
#endif
  const std::string who = GENERATE("a", "b", "witness");
  CAPTURE(who);
  const TempDir switches;
  const auto frozen = switches.path("frozen");
  PairClusterOptions options;
  options.prefixes[who] = {"env", std::string("LD_PRELOAD=") + TANDEM_FROZEN_DISK,
                           "TANDEM_FROZEN_DISK=" + frozen};
  PairCluster cluster(options);
  cluster.start_worker("server", PairCluster::Votes::no);
  cluster.start_workers({"witness"});
  if (cluster.await_primary() != "a") cluster.tell("a", "/v1/switchover", R"({"to": "a"})");
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector<std::string>{"a"}; }));
  Load load(cluster.listen("b"), 2);
  REQUIRE(load.await_more(50));

  switches.write("frozen", "");
  for (unsigned value = 38; value < 48; ++value) {  // by the other two disks
    CHECK(cluster.tell("a", weight_path, weight(value)).status == 200);
  }
  CHECK(load.await_more(200));
  CHECK(cluster.primaries() == std::vector<std::string>{"a"});
  fs::remove(frozen);

  CHECK(cluster.await_whole() == "");
  CHECK(eventually([&] { return weight_at(cluster, "b") == 47; }));
  load.stop();
  CHECK(load.first_failure() == "");
}

}  // namespace tandem::e2e::disk_test
