// What strangers may say of masters, and put in the place of a backup: each is refused in a
// sentence, at once, and nothing of it is done.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e::hostile_masters_test {

using Catch::Matchers::Contains;

namespace {

using Json = nlohmann::json;

std::string admission(const std::string& name, const std::string& address) {
  Json json;
  json["name"] = name;
  json["address"] = address;
  return json.dump();
}

// A master alone, which has recorded that.
struct Lone {
  Lone() {
    const auto moved = post(cluster.control(), "/v1/masters", admission("a", "10.0.0.1:1"));
    INFO(moved.body);
    REQUIRE(moved.status == 409);
  }
  std::string masters() const { return get(cluster.control(), "/v1/masters").body; }
  Finished tandem(std::vector<std::string> words) const {
    words.insert(words.begin(), {program("tandem"), "--control", cluster.control()});
    return run(words);
  }
  Cluster cluster;
};

// Bodies that name no master.
std::vector<std::string> nonsense(const std::string& own_control) {
  std::vector<std::string> bodies{"",
                                  "null",
                                  "[]",
                                  "{}",
                                  R"({"name":"b"})",
                                  R"({"name":5,"address":"10.0.0.1:1"})",
                                  R"({"name":"b","address":["10.0.0.1:1"]})",
                                  R"({"name":"b","name":"c","address":"10.0.0.1:1"})",
                                  R"({"name":"b","address":"10.0.0.1:1","x":1})",
                                  R"({"name":"b","address":"10.0.0.1:1","replaces":5})",
                                  R"({"name":"b","address":"10.0.0.1:1","replaces":"zz"})",
                                  R"({"name":"b","address":"10.0.0.1:1","x":1e9999})",
                                  "{\"name\":\"\xff\",\"address\":\"10.0.0.1:1\"}",
                                  admission("b", "10.0.0.1:1") + std::string(1, '\0') + "x",
                                  std::string(60'000, '['),
                                  std::string(70'000, ' '),
                                  admission("b", own_control)};
  for (const auto* name : {"", "../x", "b\n", "a b"}) {
    bodies.push_back(admission(name, "10.0.0.1:1"));
  }
  bodies.push_back(admission(std::string(65, 'b'), "10.0.0.1:1"));
  for (const auto* address : {"", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:65536", "0.0.0.0:1", "[::]:1",
                              "a\r\nX: y:1", "a b:1", "10.0.0.1:1e3"}) {
    bodies.push_back(admission("b", address));
  }
  return bodies;
}

}  // namespace

TEST_CASE("nonsense about masters is refused in a sentence, and the masters stay who they are") {
  const Lone lone;
  const auto before = lone.masters();
  const auto& control = lone.cluster.control();
  for (const auto& body : nonsense(control)) {
    CAPTURE(body.substr(0, 80));
    const auto answer = post(control, "/v1/masters", body);
    CHECK(answer.status >= 400);
    CHECK(answer.status < 500);
    CHECK(Json::parse(answer.body).at("error").at("message").get<std::string>().size() > 10);
  }
  for (const auto* path : {"/v1/masters/", "/v1/masters/%00", "/v1/masters/..", "/v1/masters/zz",
                           "/v1/masters/a%2fb", "/v1/masters/a"}) {
    CAPTURE(path);
    const auto answer = remove(control, path);
    CHECK(answer.status >= 400);
    CHECK(answer.status < 500);
  }
  CHECK(lone.masters() == before);
}

TEST_CASE("a master that was added and does not vote yet is told by the status in one line") {
  Lone lone;
  lone.cluster.start_workers({"w1"});
  CHECK_THAT(lone.tandem({"status", "--check"}).output, Contains("OK primary"));
  REQUIRE(lone.tandem({"master", "add", "late", "127.0.0.1:9"}).status == 0);
  const auto checked = lone.tandem({"status", "--check"});
  CHECK(checked.output == "DEGRADED late does not vote yet\n");
  CHECK(checked.status == 3);
  REQUIRE(lone.tandem({"master", "remove", "late"}).status == 0);
  CHECK_THAT(lone.tandem({"status", "--check"}).output, Contains("OK primary"));
}

TEST_CASE("a file that is no backup restores nothing, and no snapshot replaces what is no file") {
  const Lone lone;
  const TempDir dir;
  const auto backup = dir.path("backup");
  REQUIRE(lone.tandem({"snapshot", "save", backup}).status == 0);
  const auto text = lone.tandem({"snapshot", "save", "-"}).output;
  const auto fifo = dir.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& file : {fifo, dir.path(""), std::string("/dev/null")}) {
    CHECK_THAT(lone.tandem({"snapshot", "save", file}).errors, Contains("is not a regular file"));
  }
  CHECK(std::filesystem::is_fifo(fifo));
  CHECK(std::filesystem::is_character_file("/dev/null"));

  std::vector<std::string> files{fifo, dir.path(""), "/dev/zero", dir.path("none"),
                                 program("tandem")};
  const std::pair<const char*, std::string> wrong[] = {
      {"half", text.substr(0, text.size() / 2)},
      {"more", text + std::string(1, '\0')},
      {"deep", R"({"tandem_backup":1,"state":)" + std::string(5'000'000, '[')},
      {"many", R"({"state":[)" + std::string(3'000'000, '1') + "]}"},
      {"long", std::string(40'000'000, ' ')},
      {"later", R"({"tandem_backup":2})"}};
  for (const auto& [name, content] : wrong) files.push_back(dir.write(name, content));
  for (const auto& file : files) {
    CAPTURE(file);
    const auto data = dir.path("data");
    const auto ended = run({program("tandem-master"), "--node", "a", "--listen", "127.0.0.1:0",
                            "--control", "127.0.0.1:0", "--data-dir", data, "--restore", file});
    CHECK(ended.status == 2);
    CHECK_THAT(ended.errors, Contains("--restore " + file + ": "));
    CHECK(!std::filesystem::exists(data + "/cluster.db"));
  }
}

}  // namespace tandem::e2e::hostile_masters_test
