// What was acknowledged stays, whatever dies; and disks that are lost, foreign or damaged.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::durability_test {

namespace fs = std::filesystem;

namespace {

// Two masters and a worker that votes: three voters, one of which can be lost. The other worker
// only serves.
struct Three {
  explicit Three(PairClusterOptions options = {}) : cluster(std::move(options)) {
    cluster.start_worker("server", PairCluster::Votes::no);
    cluster.start_workers({"witness"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
  }

  void kill_all_masters() {
    for (const auto& name : cluster.names()) cluster.master(name).kill9();
  }
  void start_all_masters() {
    for (const auto& name : cluster.names()) cluster.launch_master(name);
    for (const auto& name : cluster.names()) cluster.master(name).await_line("tandem-master ready");
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

// A worker of somebody else's, which nobody needs to reach.
constexpr auto added = R"({"name": "added", "address": "127.0.0.1:9"})";

void change_through_both(const Three& three) {
  for (const auto& [master, path, body] :
       {std::tuple(three.primary, "/v1/workers/server/weight", R"({"weight": 37})"),
        std::tuple(three.standby, "/v1/workers/witness/drain", ""),
        std::tuple(three.standby, "/v1/workers", added),
        std::tuple(three.primary, "/v1/workers/added/weight", R"({"weight": 11})")}) {
    const Answer answer = three.cluster.tell(master, path, body);
    INFO(master << " " << path << " " << answer.error << answer.body);
    REQUIRE(answer.status / 100 == 2);
  }
}

// Whether all of the above is so, as that master sees it.
bool changes_are_at(const Three& three, const std::string& master) {
  const auto workers = three.cluster.status(master).workers;
  for (const auto* name : {"server", "witness", "added"})
    if (!workers.contains(name)) return false;
  return workers.at("server").weight == 37 && workers.at("witness").state == "draining" &&
         workers.at("added").weight == 11;
}

bool changes_come_to(const Three& three, const std::string& master) {
  return eventually([&] { return changes_are_at(three, master); });
}

// The files of the log, which are more than the lock.
std::vector<fs::path> files_in(const std::string& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.file_size() > 0) files.push_back(entry.path());
  return files;
}

}  // namespace

TEST_CASE("changes made through either master outlive the primary and a restart of all masters") {
  Three three;
  change_through_both(three);
  CHECK(changes_are_at(three, three.primary));
  three.cluster.master(three.primary).kill9();
  REQUIRE(eventually([&] { return three.cluster.primaries() == std::vector{three.standby}; }));
  CHECK(changes_come_to(three, three.standby));
  three.cluster.start_master(three.primary);
  CHECK(changes_come_to(three, three.primary));

  three.kill_all_masters();
  three.start_all_masters();
  three.cluster.await_primary();
  for (const auto& name : three.cluster.names()) CHECK(changes_come_to(three, name));
  CHECK(three.cluster.await_whole() == "");
  CHECK(get(three.cluster.listen("a"), "/").status == 200);
}

TEST_CASE(
    "with two of three voters dead the last one refuses in words and serves again with them") {
  Three three;
  change_through_both(three);
  three.cluster.master(three.standby).kill9();
  three.cluster.worker("witness").kill9();
  CHECK(eventually([&] { return three.cluster.primaries().empty(); }));
  const Answer change =
      three.cluster.tell(three.primary, "/v1/workers/server/weight", R"({"weight": 99})");
  INFO(change.body);
  CHECK(change.status == 503);
  CHECK_THAT(change.body, Catch::Contains("\"message\""));
  const Answer request = get(three.cluster.listen(three.primary), "/");
  CHECK(request.status == 503);
  CHECK(request.header("Retry-After") != "");
  const Answer ready = three.cluster.ask(three.primary, "/ready");
  CHECK(ready.status == 503);

  SECTION("the standby returns") { three.cluster.start_master(three.standby); }
  SECTION("the witness returns") { three.cluster.start_worker("witness"); }
  three.cluster.await_primary();
  const auto leads = three.cluster.await_primary();
  CHECK(eventually([&] { return get(three.cluster.listen(leads), "/").status == 200; }));
  const auto workers = three.cluster.status(leads).workers;
  CHECK(workers.at("added").weight == 11);
  CHECK((workers.at("server").weight == 37 || change.body.find("unknown") != std::string::npos));
}

TEST_CASE("a change that only the primary and the witness had is not lost with the primary") {
  Three three;
  three.cluster.master(three.standby).kill9();
  const Answer answer =
      three.cluster.tell(three.primary, "/v1/workers/server/weight", R"({"weight": 73})");
  REQUIRE(answer.status == 200);
  three.cluster.master(three.primary).kill9();
  three.cluster.worker("witness").kill9();
  three.cluster.start_worker("witness");
  three.cluster.start_master(three.standby);
  CHECK(three.cluster.await_primary() == three.standby);
  CHECK(eventually([&] {
    const auto workers = three.cluster.status(three.standby).workers;
    return workers.contains("server") && workers.at("server").weight == 73;
  }));
}

TEST_CASE("a master that lost its directory comes back as a new member with all that was decided") {
  Three three;
  change_through_both(three);
  std::string loser;
  SECTION("the standby") { loser = three.standby; }
  SECTION("the primary") { loser = three.primary; }
  three.cluster.master(loser).kill9();
  fs::remove_all(three.cluster.data_dir(loser));
  three.cluster.start_master(loser);
  CHECK(three.cluster.await_whole() == "");
  CHECK(changes_come_to(three, loser));
  const auto voters = three.cluster.status(loser).voters;
  CHECK(voters == std::set<std::string>{"a", "b", "witness"});
  // It counts: the cluster survives the loss of the other.
  const auto other = three.cluster.standby_of(loser);
  three.cluster.master(other).kill9();
  CHECK(eventually([&] { return three.cluster.primaries() == std::vector{loser}; }));
  CHECK(changes_come_to(three, loser));
}

TEST_CASE("a witness that lost its directory is admitted again") {
  Three three;
  three.cluster.worker("witness").kill9();
  fs::remove_all(three.cluster.dir().path("state-witness"));
  auto& witness = three.cluster.start_worker("witness");
  CHECK(
      eventually([&] { return witness.errors().find("votes as a witness") != std::string::npos; }));
  CHECK(three.cluster.await_whole() == "");
  three.cluster.master(three.primary).kill9();
  CHECK(eventually([&] { return three.cluster.primaries() == std::vector{three.standby}; }));
}

TEST_CASE(
    "a master with the directory of another cluster is refused in words and changes nothing") {
  Three three;
  PairCluster other;
  REQUIRE(other.await_whole() == "");
  other.master("b").kill9();
  three.cluster.master(three.standby).kill9();
  const auto directory = three.cluster.data_dir(three.standby);
  fs::remove_all(directory);
  fs::copy(other.data_dir("b"), directory, fs::copy_options::recursive);
  three.cluster.launch_master(three.standby);
  CHECK(eventually([&] {
    return three.cluster.master(three.standby).errors().find("not founded together") !=
           std::string::npos;
  }));
  CHECK(three.cluster.primaries() == std::vector{three.primary});
  CHECK(get(three.cluster.listen(three.primary), "/").status == 200);
}

TEST_CASE("a damaged log is refused in words and left as it is") {
  Three three;
  change_through_both(three);
  auto& master = three.cluster.master(three.standby);
  master.kill9();
  // Each page of each file, in the middle.
  for (const auto& path : files_in(three.cluster.data_dir(three.standby))) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(fs::file_size(path));
    for (std::streamoff at = 200; at < size; at += 512) {
      file.seekp(at);
      file.write("damaged", 7);
    }
  }
  std::map<fs::path, std::string> before;
  for (const auto& path : files_in(three.cluster.data_dir(three.standby)))
    before[path] = read_file(path);
  three.cluster.launch_master(three.standby);
  auto& again = three.cluster.master(three.standby);
  CHECK(again.await_exit().value_or(0) > 0);
  INFO(again.errors());
  CHECK_THAT(again.errors(), Catch::Contains(three.cluster.data_dir(three.standby)));
  for (const auto& [path, content] : before) CHECK(read_file(path) == content);
  CHECK(three.cluster.primaries() == std::vector{three.primary});
}

}  // namespace tandem::e2e::durability_test
