// The state in a file, and what is founded from it; a state that differs, and is healed.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/storage/log_store.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::backup_test {
namespace {

std::string save(const PairCluster& cluster, const std::string& master) {
  const auto file = cluster.dir().path("backup.json");
  const auto saved =
      run({program("tandem"), "snapshot", "save", file, "--control", cluster.control(master)});
  INFO(saved.errors);
  REQUIRE(saved.status == 0);
  return file;
}

// The directory that it had is gone, as with its disk.
void lose_disk(PairCluster& cluster, const std::string& name) {
  cluster.master(name).kill9();
  std::filesystem::remove_all(cluster.data_dir(name));
}

// What is stored there becomes a snapshot in which w1 has another weight than the log ever gave it.
void falsify(const std::string& directory, std::string state) {
  using namespace tandem;
  const std::string none = R"("weights":{})";
  const auto place = state.find(none);
  REQUIRE(place != state.npos);
  state.replace(place, none.size(), R"("weights":{"w1":3})");
  auto store = storage::LogStore::open(directory);
  REQUIRE(store.ok());
  const auto stored = store->take_stored();
  REQUIRE(!stored.entries.empty());
  core::Configuration voters;
  if (stored.snapshot != nullptr) voters = stored.snapshot->configuration;
  for (const auto& entry : stored.entries) {
    if (const auto* changed = std::get_if<core::Configuration>(&entry.body)) voters = *changed;
  }
  const auto& last = stored.entries.back();
  core::Write write;
  write.number = core::WriteNumber(1);
  write.snapshot =
      std::make_shared<core::Snapshot>(core::Snapshot{last.index, last.term, voters, state});
  REQUIRE(store->apply({&write, 1}).ok());
}

// The member `state` of GET /cluster/state, a JSON text in a JSON text.
std::string state_of(const PairCluster& cluster, const std::string& master) {
  std::string text = cluster.ask(master, "/cluster/state").body;
  const std::string member = R"("state":")";
  const auto begin = text.find(member);
  REQUIRE(begin != text.npos);
  std::string state;
  for (auto i = begin + member.size(); i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
    state += text[i];
  }
  return state;
}

}  // namespace

TEST_CASE("a cluster that lost all disks is founded anew from a backup, and its workers serve it") {
  PairCluster cluster;
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  REQUIRE(cluster.tell(primary, "/v1/workers/w1/weight", R"({"weight":7})").status == 200);
  REQUIRE(
      cluster
          .tell(primary, "/v1/workers", R"({"name":"n1","service":"shop","address":"127.0.0.1:1"})")
          .status == 201);
  REQUIRE(cluster.tell(primary, "/v1/workers/n1/drain").status == 200);
  REQUIRE(get(cluster.listen("a"), "/").status == 200);  // the worker remembers a term
  const auto old_cluster = cluster.status("a").cluster;
  const auto file = save(cluster, cluster.standby_of(primary));
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);

  lose_disk(cluster, "a");
  lose_disk(cluster, "b");
  cluster.set_arguments({"--restore", file});
  cluster.start_master("a");
  cluster.set_arguments({});
  cluster.start_master("b");
  CHECK(cluster.await_whole() == "");
  for (const auto& name : cluster.names()) {
    const auto status = cluster.status(name);
    CHECK(status.cluster != old_cluster);
    CHECK(status.workers.at("w1").weight == 7);
    CHECK(status.workers.at("n1").address == "127.0.0.1:1");
    CHECK(eventually([&] { return get(cluster.listen(name), "/").status == 200; }));
  }
  CHECK(cluster.ask("a", "/v1/snapshot").body.find(R"("n1")") != std::string::npos);

  // It was meant once.
  cluster.master("a").terminate();
  REQUIRE(cluster.master("a").await_exit() == 0);
  cluster.set_arguments({"--restore", file});
  cluster.launch_master("a");
  CHECK(cluster.master("a").await_exit() == 2);
  CHECK_THAT(cluster.master("a").errors(), Catch::Contains("belongs to a cluster already"));
  cluster.set_arguments({});
  cluster.start_master("a");
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("nothing is restored beside a cluster that lives, nor by another than the founder") {
  PairClusterOptions options;
  options.masters = {"a", "b", "c"};
  PairCluster cluster(std::move(options));
  REQUIRE(cluster.await_whole() == "");
  const auto file = save(cluster, cluster.await_primary());
  const auto old_cluster = cluster.status("b").cluster;
  lose_disk(cluster, "a");
  cluster.set_arguments({"--restore", file});
  cluster.start_master("a");
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.status("a").cluster == old_cluster);

  lose_disk(cluster, "b");
  cluster.launch_master("b");
  CHECK(cluster.master("b").await_exit() == 2);
  CHECK_THAT(cluster.master("b").errors(), Catch::Contains("--restore is for a"));
}

TEST_CASE("a standby whose state differs says so, takes the primary's, and keeps it") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  cluster.master(standby).terminate();
  REQUIRE(cluster.master(standby).await_exit() == 0);
  falsify(cluster.data_dir(standby), state_of(cluster, primary));
  cluster.start_master(standby);
  CHECK(eventually([&] {
    return cluster.master(standby).errors().find("state replaced by the primary's") !=
           std::string::npos;
  }));
  CHECK_THAT(cluster.master(standby).errors(), Catch::Contains("state differs from=" + primary));
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.status(standby).workers.at("w1").weight ==
        cluster.status(primary).workers.at("w1").weight);
  CHECK(eventually([&] {
    return cluster.ask(primary, "/status").body.find(R"("differing":[])") != std::string::npos;
  }));

  cluster.master(standby).terminate();
  REQUIRE(cluster.master(standby).await_exit() == 0);
  cluster.start_master(standby);
  CHECK(cluster.await_whole() == "");
  CHECK_THAT(cluster.master(standby).errors(), !Catch::Contains("state differs"));
}

TEST_CASE("an older copy of a voter's directory is noticed, refused, and told in words") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  const auto directory = cluster.data_dir(standby);
  const auto copy = cluster.dir().path("copy");
  const auto stop = [&] {
    cluster.master(standby).terminate();
    REQUIRE(cluster.master(standby).await_exit() == 0);
  };
  stop();
  std::filesystem::copy(directory, copy, std::filesystem::copy_options::recursive);
  cluster.start_master(standby);
  REQUIRE(cluster.await_whole() == "");
  for (int weight = 1; weight < 9; ++weight) {
    REQUIRE(
        cluster.tell(primary, "/v1/workers/w1/weight", fmt::format(R"({{"weight":{}}})", weight))
            .status == 200);
  }
  REQUIRE(cluster.await_whole() == "");
  stop();
  std::filesystem::remove_all(directory);
  std::filesystem::rename(copy, directory);
  cluster.start_master(standby);

  const auto denies = standby + " denies entry ";
  CHECK(eventually(
      [&] { return cluster.status(primary).protection.find(denies) != std::string::npos; }));
  CHECK(!cluster.status(primary).is_protected);
  CHECK(cluster.await_primary() == primary);
  CHECK(eventually(
      [&] { return cluster.master(primary).errors().find(denies) != std::string::npos; }));
  CHECK(eventually([&] {
    return cluster.master(standby).errors().find("directory is an older copy") != std::string::npos;
  }));

  stop();
  std::filesystem::rename(directory, copy);
  cluster.start_master(standby);
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.status(standby).workers.at("w1").weight == 8);
}

}  // namespace tandem::e2e::backup_test
