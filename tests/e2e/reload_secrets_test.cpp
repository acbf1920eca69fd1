// Commands, tokens and certificates that a reload changes: which files are named, not what they
// say.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/tokens.hpp"

namespace tandem::e2e::reload_secrets_test {

using Catch::Contains;
using nlohmann::json;

namespace {

void replace(const TempDir& dir, const std::string& file, const std::string& text) {
  std::filesystem::rename(dir.write("next.toml", text), file);
}

// The keys that were not applied, each with its reason.
std::map<std::string, std::string> refused_of(const Answer& answer) {
  std::map<std::string, std::string> refused;
  const auto told = json::parse(answer.body);
  for (const auto& each : told["refused"]) {
    refused[each["key"]] = each["why"];
  }
  return refused;
}

// Tokens whose file is found under another name.
std::string moved(const TempDir& dir, const std::string& file, const std::string& name) {
  const auto to = dir.path(name);
  std::filesystem::copy_file(file, to, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(
      to, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return to;
}

}  // namespace

TEST_CASE("commands of changes of the role are those of the last reload") {
  const TempDir dir;
  const auto roles = dir.path("roles");
  const auto write = [&](const std::string& word) {
    return fmt::format("/bin/sh -c 'echo {} $TANDEM_ROLE $TANDEM_NODE >> {}'", word, roles);
  };
  const auto file = dir.write("m.toml", "");
  PairClusterOptions options;
  options.arguments = {"--config", file};
  PairCluster cluster(std::move(options));
  REQUIRE(cluster.await_whole() == "");
  const auto reload_all = [&](const std::string& text) {
    replace(dir, file, text);
    for (const auto& name : cluster.names()) {
      const auto answer = cluster.tell(name, "/v1/reload");
      REQUIRE(answer.status == 200);
      CHECK(refused_of(answer).empty());
    }
  };
  const auto switch_over = [&] {
    const auto next = cluster.standby_of(cluster.await_primary());
    REQUIRE(cluster.tell(next, "/v1/switchover").status == 200);
    REQUIRE(cluster.await_whole() == "");
    return next;
  };
  // Who leads already is told nothing; who loses the leadership runs what is in force by then.
  reload_all(fmt::format("on-demote = \"{}\"\n", write("first")));
  const auto first = switch_over();
  const auto lost = cluster.standby_of(first);
  CHECK(eventually([&] { return read_file(roles) == "first standby " + lost + "\n"; }));
  reload_all(fmt::format("on-promote = \"{}\"\n", write("second")));
  const auto second = switch_over();
  const auto both = "first standby " + lost + "\nsecond primary " + second + "\n";
  CHECK(eventually([&] { return read_file(roles) == both; }));
  reload_all("");
  switch_over();
  for (const auto& name : cluster.names()) {
    cluster.master(name).terminate();
    CHECK(cluster.master(name).await_exit() == 0);
  }
  CHECK(read_file(roles) == both);
}

TEST_CASE("another file of tokens counts from its reload on, and none at all takes a restart") {
  const TempDir dir;
  Tokens tokens(dir);
  tokens.add("old", {"--name", "old", "--role", "operator"});
  tokens.write();
  const auto first = moved(dir, tokens.file(), "first.toml");
  tokens.remove("old");
  tokens.add("new", {"--name", "new", "--role", "operator"});
  tokens.write();
  const auto second = moved(dir, tokens.file(), "second.toml");
  const auto file = dir.write("m.toml", "");
  Cluster cluster({"--config", file});
  Client client(cluster.control());
  const auto asked_by = [&](const std::string& key) {
    return client.get("/status", tokens.headers(key)).status;
  };
  const auto reload_by = [&](const std::string& key, const std::string& text) {
    replace(dir, file, text);
    return client.send("POST", "/v1/reload", "", tokens.headers(key));
  };
  const auto named = [](const std::string& path) { return "tokens-file = \"" + path + "\"\n"; };
  // As long as nobody is asked, any token will do.
  REQUIRE(get(cluster.control(), "/status").status == 200);
  CHECK(refused_of(reload_by("old", named(first))).empty());
  CHECK(get(cluster.control(), "/status").status == 401);
  CHECK(asked_by("old") == 200);
  CHECK(asked_by("new") == 401);
  CHECK(refused_of(reload_by("old", named(second))).empty());
  CHECK(asked_by("old") == 401);
  CHECK(asked_by("new") == 200);
  CHECK_THAT(client.get("/v1/config", tokens.headers("new")).body,
             Contains("second.toml") && !Contains("first.toml"));
  // One that cannot be read changes nothing.
  CHECK(reload_by("new", named(dir.path("absent.toml")) + "max-body = \"5\"\n").status == 409);
  CHECK(asked_by("new") == 200);
  // Nearly always a line that was lost.
  const auto refused = refused_of(reload_by("new", "max-body = \"5\"\n"));
  REQUIRE(refused.contains("tokens-file"));
  CHECK_THAT(refused.at("tokens-file"), Contains("nobody would be asked"));
  CHECK(get(cluster.control(), "/status").status == 401);
  CHECK(asked_by("new") == 200);
  CHECK(post(cluster.listen(), "/", "longer than that").status == 413);
  // What was refused is in force still, also for the next reload.
  CHECK(refused_of(reload_by("new", named(second))).empty());
}

TEST_CASE("keys of tickets turn at the interval of the last reload") {
  const TempDir dir;
  const CertificatePair site(dir, "site");
  const auto text = "listen-tls = \"127.0.0.1:0\"\ntls = [\"" + site.flag() + "\"]\n";
  const auto file = dir.write("m.toml", text);
  Cluster cluster({"--config", file});
  const auto turns = [&] { return is_in("ticket keys turned", cluster.master().errors()); };
  CHECK(!turns());
  replace(dir, file, text + "ticket-key-interval = \"1s\"\n");
  const auto answer = post(cluster.control(), "/v1/reload");
  REQUIRE(answer.status == 200);
  CHECK(refused_of(answer).empty());
  CHECK(eventually(turns));
}

}  // namespace tandem::e2e::reload_secrets_test
