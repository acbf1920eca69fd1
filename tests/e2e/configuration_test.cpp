// The configuration file: what is said of one that is wrong, and what documents say of its keys.
#include <algorithm>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::configuration_test {
namespace {

Finished check(const TempDir& dir, const std::string& content, const Arguments& more = {}) {
  Arguments command = {program("tandem-master"), "--check-config", dir.write("m.toml", content)};
  command.insert(command.end(), more.begin(), more.end());
  return run(command);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

// The default file with each key in front of which a # stands, and that has a default, set to it.
std::string with_defaults(const std::string& file) {
  std::string set;
  for (const auto& line : lines_of(file)) {
    const bool is_key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (is_key && line.find("# not set") == line.npos) set += line.substr(1) + "\n";
  }
  return set;
}

// The keys of --help, those of the default file, and those of the table in the page.
std::vector<std::string> keys_of(const std::string& text, const std::string& before,
                                 const std::string& ends) {
  std::vector<std::string> keys;
  for (const auto& line : lines_of(text)) {
    if (!line.starts_with(before) || line == before) continue;
    const auto key =
        line.substr(before.size(), line.find_first_of(ends, before.size()) - before.size());
    if (!key.empty() && key[0] >= 'a' && key[0] <= 'z') keys.push_back(key);
  }
  return keys;
}

}  // namespace

TEST_CASE("a file is checked as a whole: every error is told, with line, key and what was meant") {
  const TempDir dir;
  const auto wrong = check(dir,
                           "node = \"a b\"\n"
                           "lisen = \"127.0.0.1:0\"\n"
                           "threads = \"two\"\n"
                           "idle-timeout = \"1ms\"\n"
                           "memory = 1.5\n"
                           "[service.shop]\n"
                           "atempts = 2\n"
                           "attempts = 99\n");
  INFO(wrong.errors);
  CHECK(wrong.status == 2);
  const auto told = lines_of(wrong.errors);
  REQUIRE(told.size() == 7);
  CHECK_THAT(told[0], Catch::Contains("m.toml:1: --node must be"));
  CHECK_THAT(told[1], Catch::Contains("m.toml:2: unknown key \"lisen\"; did you mean \"listen\"?"));
  CHECK_THAT(told[2], Catch::Contains("m.toml:3: --threads must be a whole number"));
  CHECK_THAT(told[3], Catch::Contains("m.toml:4: --idle-timeout must be 1s to 24h"));
  CHECK_THAT(told[4], Catch::Contains("m.toml:5: memory must be a string"));
  CHECK_THAT(told[5], Catch::Contains("m.toml:7: service.shop:") &&
                          Catch::EndsWith("did you mean \"attempts\"?"));
  CHECK_THAT(told[6], Catch::Contains("m.toml:8: service.shop: attempts must be"));
  // An ordinary start says the same.
  CHECK(run({program("tandem-master"), "--config", dir.path("m.toml")}).errors == wrong.errors);
}

TEST_CASE("keys that contradict each other are told, all of them, with the line of one") {
  const TempDir dir;
  const auto wrong = check(dir,
                           "hsts = \"max-age=5\"\n"
                           "tls = [\"a.pem,b.pem\"]\n"
                           "redirect-to-https = true\n"
                           "rate-limit-key = \"address\"\n"
                           "control = \"0.0.0.0:7070\"\n");
  INFO(wrong.errors);
  CHECK(wrong.status == 2);
  for (const auto* sentence :
       {"m.toml:1: --hsts needs", "m.toml:2: --tls needs a --listen-tls",
        "m.toml:3: --redirect-to-https needs", "m.toml:4: --rate-limit-key requires --rate-limit",
        "m.toml:5: --control 0.0.0.0:7070 can be reached from other machines"}) {
    CHECK_THAT(wrong.errors, Catch::Contains(sentence));
  }
}

TEST_CASE("the files that a configuration names are checked, too") {
  const TempDir dir;
  const auto wrong = check(dir,
                           "listen-tls = \"127.0.0.1:0\"\n"
                           "tls = [\"/absent.pem,/absent.key\"]\n"
                           "tokens-file = \"" +
                               dir.write("tokens.toml", "[[token]]\nnme = \"x\"\n") + "\"\n");
  INFO(wrong.errors);
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.errors, Catch::Contains("/absent.pem") && Catch::Contains("tokens.toml"));
}

TEST_CASE("a file that is right is shown with what would be in force, and where it comes from") {
  const TempDir dir;
  const auto shown = check(dir,
                           "idle-timeout = \"30s\"\n"
                           "backend = [\"shop=127.0.0.1:9\"]\n"
                           "[service.shop]\nattempts = 3\n",
                           {"--node", "b"});
  INFO(shown.errors);
  CHECK(shown.status == 0);
  const auto has = [&shown](const std::string& setting, const std::string& source) {
    const auto lines = lines_of(shown.output);
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
      return line.starts_with(setting + " ") && line.ends_with("# " + source);
    });
  };
  CHECK(has("node = \"b\"", "flag"));
  CHECK(has("idle-timeout = \"30s\"", dir.path("m.toml") + ":1"));
  CHECK(has("backend = [\"shop=127.0.0.1:9\"]", dir.path("m.toml") + ":2"));
  CHECK(has("service.shop.attempts = \"3\"", dir.path("m.toml") + ":4"));
  CHECK(has("connect-timeout = \"1s\"", "default"));
  // What is shown is a file, and means the same.
  const auto again = check(dir, shown.output);
  CHECK(again.status == 0);
  CHECK_THAT(again.output, Catch::Contains("idle-timeout = \"30s\""));
}

TEST_CASE("a worker's file is checked likewise") {
  const TempDir dir;
  const auto file = dir.write("w.toml", "nam = \"w1\"\nweight = -1\n");
  const auto wrong = run({program("tandem-worker"), "--check-config", file});
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.errors,
             Catch::Contains("w.toml:1: unknown key \"nam\"; did you mean \"name\"?") &&
                 Catch::Contains("w.toml:2: --weight must be"));
  const auto right =
      run({program("tandem-worker"), "--check-config", dir.write("r.toml", "name = \"w\"\n")});
  CHECK(right.status == 0);
  CHECK_THAT(right.output, Catch::Contains("name = \"w\""));
}

TEST_CASE("help, the default file and the page have the same keys, and the page is up to date") {
  const TempDir dir;
  for (const auto* name : {"tandem-master", "tandem-worker"}) {
    INFO(name);
    const auto file = run({program(name), "--print-default-config"}).output;
    auto helped = keys_of(run({program(name), "--help"}).output, "  --", " =");
    std::erase_if(helped, [](const auto& key) {
      return key == "help" || key == "version" || key == "config" || key == "check-config" ||
             key == "print-default-config";
    });
    CHECK(helped == keys_of(file, "#", " ="));
    CHECK(helped == keys_of(run({program(name), "--print-config-page"}).output, "| `", "`"));
    const auto set =
        run({program(name), "--check-config", dir.write("defaults.toml", with_defaults(file))});
    INFO(set.errors);
    // A default that goes with another key alone is the one thing that may be refused.
    for (const auto& line : lines_of(set.errors)) CHECK_THAT(line, Catch::Contains(" requires --"));
  }
  const std::string source = TANDEM_SOURCE_DIR;
  const auto made = run({source + "/scripts/configuration-page.sh",
                         program("tandem-master").substr(0, program("tandem-master").rfind('/'))});
  const auto kept = run({"/bin/cat", source + "/docs/configuration.md"});
  INFO("scripts/configuration-page.sh > docs/configuration.md makes it anew");
  CHECK(made.output == kept.output);
}

}  // namespace tandem::e2e::configuration_test
