// Operators and the files of tokens: what they mean, and every mistake that they make.
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/tokens.hpp"

namespace tandem::e2e::token_files_test {

using Json = nlohmann::json;

namespace {

Finished tandem_token(Arguments words) {
  words.insert(words.begin(), {program("tandem"), "token"});
  return run(words);
}

std::string private_file(const TempDir& dir, const std::string& name, const std::string& text) {
  const auto path = dir.write(name, text);
  ::chmod(path.c_str(), 0600);
  return path;
}

}  // namespace

TEST_CASE("tandem token new prints a token once, with its entry, and never overwrites one") {
  const TempDir dir;
  const auto printed =
      tandem_token({"new", "--role", "worker", "--name", "w1", "--service", "shop", "--address",
                    "10.0.0.0/8", "--witness", "--until", "2099-12-31"});
  CHECK(printed.status == 0);
  CHECK(is_in("tdm_", printed.output));
  CHECK(is_in("[[token]]\nname = \"w1\"\nrole = \"worker\"\nsha256 = ", printed.output));
  CHECK(
      is_in("services = [\"shop\"]\naddresses = [\"10.0.0.0/8\"]\nwitness = true\n"
            "until = 2099-12-31\n",
            printed.output));
  const auto file = dir.path("w1.token");
  const auto kept = tandem_token({"new", "--role", "worker", "--name", "w1", "--out", file});
  CHECK(kept.status == 0);
  CHECK(kept.output.starts_with("[[token]]"));
  CHECK(!is_in("tdm_", kept.output));
  struct stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  const auto token = read_file(file);
  CHECK(token.starts_with("tdm_"));
  const auto again = tandem_token({"new", "--role", "worker", "--name", "w1", "--out", file});
  CHECK(again.status == 1);
  CHECK(is_in("--out: " + file, again.errors));
  CHECK(read_file(file) == token);
  // The entry of a token that is there.
  const auto entry =
      tandem_token({"entry", "--role", "worker", "--name", "w1", "--token-file", file});
  CHECK(entry.output == kept.output);
  const auto json = tandem_token({"new", "--role", "viewer", "--name", "v", "--json"});
  CHECK(Json::parse(json.output)["token"].get<std::string>().starts_with("tdm_"));
}

TEST_CASE("tandem token new refuses what a master would refuse") {
  const auto check_refused = [](Arguments words, const std::string& sentence) {
    words.insert(words.begin(), "new");
    const auto refused = tandem_token(words);
    INFO(refused.errors);
    CHECK(refused.status == 2);
    CHECK(is_in(sentence, refused.errors));
    CHECK(refused.output == "");
  };
  check_refused({"--role", "admin", "--name", "x"}, "--role must be viewer, operator");
  check_refused({"--role", "viewer"}, "--name");
  check_refused({"--name", "x"}, "--role");
  check_refused({"--role", "viewer", "--name", "x", "--service", "s"},
                "services is for the role worker alone");
  check_refused({"--role", "worker", "--name", "x", "--until", "2027-02-30"},
                "until must be a day");
  check_refused({"--role", "worker", "--name", "x", "--address", "here"}, "addresses must be");
  check_refused({"--role", "worker", "--name", "x", "--worker", "x*", "--witness"},
                "a witness has a token of its own");
}

TEST_CASE("a master does not start with a file of tokens that is wrong, and says where") {
  const TempDir dir;
  const auto check_refused = [&](const Arguments& flags, const std::string& sentence) {
    Arguments command{program("tandem-master"), "--listen", "127.0.0.1:0", "--control",
                      "127.0.0.1:0"};
    command.insert(command.end(), flags.begin(), flags.end());
    const auto refused = run(command);
    INFO(refused.errors);
    CHECK(refused.status == 2);
    CHECK(is_in(sentence, refused.errors));
    CHECK(!is_in("tdm_", refused.errors));
  };
  Tokens tokens(dir);
  tokens.add("ops", {"--name", "ops", "--role", "operator"});
  tokens.write("[[token]]\nname = \"x\"\nrole = \"boss\"\n");
  check_refused({"--tokens-file", tokens.file()},
                fmt::format("--tokens-file: {}:8: role must be", tokens.file()));
  tokens.write("[[token]]\nname = \"x\"\nrole = \"viewer\"\nsha256 = \"" + tokens.text("ops") +
               "\"\n");
  check_refused({"--tokens-file", tokens.file()}, "never the token itself");
  check_refused({"--tokens-file", private_file(dir, "token", tokens.text("ops"))}, "is no TOML");
  check_refused({"--tokens-file", private_file(dir, "empty", "")}, "has no entry");
  check_refused({"--tokens-file", dir.path("none")}, "cannot be read");
  check_refused({"--tokens-file", dir.path("")}, "is not a regular file");
  tokens.write();
  ::chmod(tokens.file().c_str(), 0644);
  check_refused({"--tokens-file", tokens.file()}, "chmod 600");
  ::chmod(tokens.file().c_str(), 0600);
  // The entries, where the token is wanted.
  check_refused({"--tokens-file", tokens.file(), "--token-file", tokens.file()},
                "must hold one token");
  check_refused(
      {"--tokens-file", tokens.file(), "--data-dir", dir.path("data"), "--peer", "b=127.0.0.1:9"},
      "to be given by --token-file");
}

TEST_CASE("doubts about a master's own token and about one token for all are warnings") {
  const TempDir dir;
  Tokens tokens(dir);
  tokens.add("ops", {"--name", "ops", "--role", "operator"});
  tokens.add("b", {"--name", "b", "--role", "master"});
  tokens.add("old", {"--name", "a", "--role", "master", "--until", "2020-01-01"});
  tokens.write();
  const auto told = [&](const std::string& key, const std::string& sentence) {
    tokens.give("a", key);
    Cluster cluster({"--tokens-file", tokens.file(), "--token-file", tokens.file_of("a")});
    INFO(cluster.master().errors());
    CHECK(eventually([&] { return is_in(sentence, cluster.master().errors()); }));
  };
  told("ops", "is that of ops (operator) in --tokens-file, not of the master a");
  told("b", "is that of b (master) in --tokens-file, not of the master a");
  told("old", "the token of --token-file has expired on 2020-01-01");
  told("old", "token has expired name=a role=master until=2020-01-01");
  tokens.remove("ops");
  tokens.write();
  told("ops", "the token of --token-file is none of --tokens-file");
  Process shared(dir, "shared",
                 {program("tandem-master"), "--listen", "127.0.0.1:0", "--control", "0.0.0.0:0",
                  "--insecure-network", "--token-file", tokens.file_of("a")});
  CHECK(eventually([&] {
    return is_in("whoever holds the one token of --token-file may do everything", shared.errors());
  }));
}

TEST_CASE("SIGHUP reads tokens again: what is broken changes nothing, what is removed is out") {
  const TempDir dir;
  Tokens tokens(dir);
  tokens.add("ops", {"--name", "ops", "--role", "operator"});
  tokens.add("v", {"--name", "v", "--role", "viewer"});
  tokens.write();
  Cluster cluster({"--tokens-file", tokens.file()});
  const auto log = [&] { return cluster.master().errors(); };
  Client kept(cluster.control());
  REQUIRE(kept.get("/status", tokens.headers("v")).status == 200);
  tokens.remove("v");
  tokens.write("[[token]]\n");
  cluster.master().signal(SIGHUP);
  REQUIRE(eventually([&] { return is_in("the tokens stay as they were", log()); }));
  CHECK(is_in(":6: an entry needs name", log()));
  CHECK(kept.get("/status", tokens.headers("v")).status == 200);
  tokens.write();
  cluster.master().signal(SIGHUP);
  REQUIRE(eventually([&] { return is_in("tokens read again entries=1", log()); }));
  CHECK(eventually([&] { return kept.get("/status", tokens.headers("v")).status == 401; }));
  CHECK(kept.get("/status", tokens.headers("ops")).status == 200);
  const auto refusal = "request refused from=127.0.0.1 reason=\"unknown token for GET /status\"";
  CHECK(eventually([&] { return is_in(refusal, log()); }));
  CHECK(!is_in("tdm_", log() + cluster.master().output()));
}

TEST_CASE("tandem shows the tokens that a master knows, and warns of those that end") {
  const TempDir dir;
  Tokens tokens(dir);
  tokens.add("v", {"--name", "v", "--role", "viewer"});
  tokens.add("w9", {"--name", "w9", "--role", "worker", "--until", "2020-01-31"});
  tokens.add("w1", {"--name", "w1", "--role", "worker"});
  tokens.write();
  tokens.give("v", "v");
  tokens.give("w1", "w1");
  Cluster cluster({"--tokens-file", tokens.file()});
  REQUIRE(eventually([&] { return get(cluster.control(), "/primary").status == 200; }));
  cluster.start_worker("w1", {"--listen", "127.0.0.1:0", "--token-file", tokens.file_of("w1")});
  const auto tandem = [&](Arguments words) {
    words.insert(words.begin(), {program("tandem"), "--control", cluster.control()});
    return run(words);
  };
  const auto status = [&] { return tandem({"status", "--token-file", tokens.file_of("v")}); };
  REQUIRE(eventually([&] { return status().status != 4; }));  // w1 has joined
  const auto shown = status();
  CHECK(shown.status == 3);
  CHECK(is_in("w9     worker  2020-01-31, has expired", shown.output));
  CHECK(is_in("v      viewer  -", shown.output));
  CHECK(is_in("DEGRADED the token of w9 has expired on 2020-01-31",
              tandem({"status", "--check", "--token-file", tokens.file_of("v")}).output));
  const auto drained = tandem({"drain", "w1", "--token-file", tokens.file_of("v")});
  CHECK(drained.status == 1);
  CHECK(is_in("v (viewer) may not do this: it needs the role operator", drained.errors));
  const auto nobody = tandem({"status"});
  CHECK(nobody.status == 1);
  CHECK(is_in("this address requires a token", nobody.errors));
}

}  // namespace tandem::e2e::token_files_test
