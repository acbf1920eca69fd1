// Strangers, and members gone mad, at the control addresses of masters and witnesses.
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::hostile_control_test {

namespace fs = std::filesystem;

namespace {

std::set<std::string> sockets_of(pid_t pid) {
  std::set<std::string> inodes;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    const auto what = fs::read_symlink(entry.path(), gone).string();
    if (what.starts_with("socket:[")) inodes.insert(what.substr(8, what.size() - 9));
  }
  return inodes;
}

// HOST:PORT of all that the process listens on, IPv4.
std::vector<std::string> listened_on_by(pid_t pid) {
  const auto inodes = sockets_of(pid);
  std::vector<std::string> addresses;
  std::ifstream table("/proc/" + std::to_string(pid) + "/net/tcp");
  std::string line;
  for (std::getline(table, line); std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state, skipped, inode;
    words >> number >> local >> remote >> state;
    for (int i = 0; i < 5; ++i) words >> skipped;
    words >> inode;
    constexpr auto listening = "0A";
    if (state != listening || !inodes.contains(inode)) continue;
    addresses.push_back("127.0.0.1:" +
                        std::to_string(std::stoul(local.substr(local.find(':') + 1), nullptr, 16)));
  }
  return addresses;
}

// An envelope of a member that does not exist, with one message to `to`.
std::string envelope(const std::string& body) {
  return R"({"format":1,"node":"z","control":"127.0.0.1:9","listen":"","pass":"",)"
         R"("election_timeout_ms":500,"messages":[{"cluster":1,)"
         R"("from":{"node":"z","incarnation":1},"to":{"node":"a","incarnation":1},"term":1,)" +
         body + "}]}";
}

std::string install(const std::string& snapshot) {
  return envelope(R"("install_snapshot":{"snapshot":{"index":9,"term":1,"configuration":)"
                  R"({"voters":[],"pair":false,"was_protected":false},"bytes":")" +
                  snapshot + R"("},"discard_log":false,"sent":1})");
}

std::string append(const std::string& command) {
  return envelope(R"("append":{"previous_index":0,"previous_term":0,"entries":[{"index":1,)"
                  R"("term":1,"command":{"client":1,"sequence":1,"bytes":")" +
                  command + R"("}}],"commit":0,"sent":1,"in_sync":0})");
}

}  // namespace

TEST_CASE("what no master can apply is refused, and ends no process") {
  Cluster cluster;
  const auto six_megabytes_of_brackets = std::string(6'000'000, '[');
  for (const auto& message :
       {install(R"({\"format\":\"x\"})"), install(six_megabytes_of_brackets),
        append(R"({\"join\":null})"), append("x"), append(R"({\"of a later version\":1})")}) {
    const auto answer = post(cluster.control(), "/cluster/messages", message);
    INFO(answer.body);
    CHECK((answer.status == 400 || answer.status == 409));
    CHECK(answer.body.find("cannot be") != std::string::npos);
    CHECK(get(cluster.control(), "/primary").status == 200);
  }
  // One that could be applied is refused for another reason: it is of another cluster.
  const auto foreign =
      post(cluster.control(), "/cluster/messages", append(R"({\"leave\":\"w1\"})"));
  CHECK(foreign.status == 409);
  CHECK(foreign.body.find("not founded together") != std::string::npos);
  cluster.master().kill9();
  cluster.start_master_again();
  CHECK(eventually([&] { return get(cluster.control(), "/primary").status == 200; }));
}

TEST_CASE("thirty megabytes of empty objects do not keep a master from answering") {
  Cluster cluster;
  std::string body = R"({"messages":[)";
  while (body.size() < 31'000'000) body += "{},";
  const auto answer = post(cluster.control(), "/cluster/messages", body + "{}]}");
  CHECK(answer.status == 400);
  CHECK(answer.body.find("values") != std::string::npos);
  CHECK(get(cluster.control(), "/primary").status == 200);
}

TEST_CASE("idle connections of strangers to a witness do not defeat failover") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  std::vector<Socket> strangers;
  for (const auto& address : listened_on_by(cluster.worker("w1").pid())) {
    for (int i = 0; i < 400; ++i) strangers.emplace_back(address);
  }
  // It has to find a slot at the witness now.
  cluster.master(standby).kill9();
  cluster.start_master(standby);
  REQUIRE(cluster.await_whole() == "");
  cluster.master(cluster.await_primary()).kill9();
  CHECK(eventually([&] { return cluster.primaries().size() == 1; }));
}

TEST_CASE("a control address that has no descriptors left closes an idle stranger for a newcomer") {
  Cluster cluster;
  const auto pid = cluster.master().pid();
  std::vector<Socket> idle;
  for (int i = 0; i < 4; ++i) idle.emplace_back(cluster.control());
  REQUIRE(get(cluster.control(), "/health").status == 200);
  rlim_t highest = 0;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    highest = std::max<rlim_t>(highest, std::stoul(entry.path().filename()));
  }
  const rlimit limit{highest + 2, highest + 2};
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
  for (int i = 0; i < 40; ++i) idle.emplace_back(cluster.control());
  for (int i = 0; i < 10; ++i) {
    CHECK(eventually([&] { return get(cluster.control(), "/health").status == 200; }));
  }
}

}  // namespace tandem::e2e::hostile_control_test
