// --tokens-file, as operators write it and as they should not.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "common/access/limits.hpp"
#include "common/access/tokens_file.hpp"

namespace tandem::access::tokens_file_test {
namespace {

const std::string hash(64, 'a');

std::string entry(const std::string& members) {
  return fmt::format("[[token]]\nname = \"w1\"\nrole = \"worker\"\nsha256 = \"{}\"\n{}\n", hash,
                     members);
}

std::string refused(const std::string& text) {
  const auto read = parse_tokens(text, "t.toml");
  return read ? "" : read.error().message;
}

void check_refused(const std::string& text, const std::string& sentence) {
  INFO(text);
  const auto why = refused(text);
  INFO(why);
  CHECK(why.find(sentence) != std::string::npos);
}

}  // namespace

TEST_CASE("an entry says whose the token is, what it allows, and until when") {
  const auto read = parse_tokens(
      "# people\n[[token]]\nname = \"ops\"\nrole = \"operator\"\nsha256 = \"" + hash +
          "\"\nuntil = 2027-01-31\n\n[[token]]\nname = \"group\"\nrole = \"worker\"\nsha256 = \"" +
          std::string(64, 'B') +
          "\"\nnames = [\"shop-*\", \"w1\"]\nservices = [\"shop\"]\n"
          "addresses = [\"10.0.0.0/8\", \"127.0.0.1\"]\nuntil = \"2028-02-29\"\n",
      "t.toml");
  INFO((read ? "" : read.error().message));
  REQUIRE(read.ok());
  REQUIRE(read->all().size() == 2);
  const auto& ops = *read->all()[0];
  CHECK(ops.name == "ops");
  CHECK(ops.role == Role::operator_);
  CHECK(ops.sha256 == hash);
  CHECK(ops.until->to_string() == "2027-01-31");
  CHECK(ops.line == 2);
  const auto& group = *read->all()[1];
  CHECK(group.sha256 == std::string(64, 'b'));
  CHECK(group.scope.names == std::vector<std::string>{"shop-*", "w1"});
  CHECK(group.scope.services == std::vector<std::string>{"shop"});
  CHECK(group.scope.addresses.size() == 2);
  CHECK(!group.scope.witness);
  CHECK(group.until->to_string() == "2028-02-29");
}

TEST_CASE("a worker has the name of its entry, the default service and no addresses unless said") {
  const auto read = parse_tokens(entry("witness = true"), "t.toml");
  REQUIRE(read.ok());
  const auto& scope = read->all().front()->scope;
  CHECK(scope.names == std::vector<std::string>{"w1"});
  CHECK(scope.services == std::vector<std::string>{"default"});
  CHECK(scope.addresses.empty());
  CHECK(scope.witness);
}

TEST_CASE("what is wrong with a tokens file is told with its line") {
  check_refused("", "has no entry [[token]]");
  check_refused("# nothing\n", "has no entry [[token]]");
  check_refused("[token]\nname = \"w1\"\n", "t.toml:1: the file has entries [[token]]");
  check_refused("token = []\n", "the file has entries [[token]]");
  check_refused("\ntoken = 7\n", "t.toml:2: the file has entries [[token]]");
  check_refused("[[tokens]]\nname = \"w1\"\n", "the file has entries [[token]] and nothing else");
  check_refused("[[token]]\nname = \"w1\"\n", "t.toml:1: an entry needs role");
  check_refused("[[token]]\nrole = \"viewer\"\n", "t.toml:1: an entry needs name");
  check_refused("[[token]]\nname = \"w1\"\nrole = \"viewer\"\n", "an entry needs sha256");
  check_refused("[[token]]\nname = \"w 1\"\n", "t.toml:2: name must be 1 to 64");
  check_refused("[[token]]\nname = 1\n", "t.toml:2: name must be a string");
  check_refused("[[token]]\nname = \"w1\"\nrole = \"admin\"\n", "t.toml:3: role must be viewer");
  check_refused(entry("role2 = \"x\""), "t.toml:5: an entry has no such key");
  check_refused(entry("names = \"w1\""), "t.toml:5: names must be an array");
  check_refused(entry("names = []"), "t.toml:5: names must be an array of strings, not an empty");
  check_refused(entry("names = [1]"), "names must be strings in quotes");
  check_refused(entry("names = [\"a*b\"]"), "names must be names, or beginnings of names");
  check_refused(entry("names = [\"\"]"), "names must be names");
  check_refused(entry("services = [\"shop*\"]"), "services must be names, or \"*\"");
  check_refused(entry("addresses = [\"10.0.0.1/8\"]"), "t.toml:5: addresses must be");
  check_refused(entry("addresses = [\"example.org\"]"), "addresses must be");
  check_refused(entry("witness = \"yes\""), "t.toml:5: witness must be true or false");
  check_refused(entry("names = [\"w1\", \"w2\"]\nwitness = true"),
                "t.toml:6: a witness has a token");
  check_refused(entry("names = [\"w*\"]\nwitness = true"), "a witness has a token of its own");
  check_refused(entry("until = 2027-02-30"), "t.toml:5");
  check_refused(entry("until = \"soon\""), "t.toml:5: until must be a day");
  check_refused(entry("until = 2027"), "t.toml:5: until must be a day");
  check_refused(entry("until = 2027-01-31T00:00:00Z"), "until must be a day");
  check_refused(
      "[[token]]\nname = \"a\"\nrole = \"master\"\nsha256 = \"" + hash + "\"\nservices = [\"x\"]\n",
      "t.toml:5: services is for the role worker alone");
  check_refused(entry("") + "name = \"w1\"\n", "is no TOML");
}

TEST_CASE("a token that stands where it must not is quoted in no sentence") {
  const std::string token = "tdm_this-is-a-secret-token-0123456789abcdefghi";
  for (const auto& text : {
           token,
           token + "\n[[token]]\n",
           token + " = 1\n",
           "[[token]]\n" + token + "\n",
           "[[token]]\n\"" + token + "\" = 1\n",
           "[" + token + "]\nname = 1\n",
           "[[token]]\nname = \"" + token + " \"\n",
           "[[token]]\nname = \"w1\"\nrole = \"" + token + "\"\n",
           "[[token]]\nname = \"w1\"\nrole = \"viewer\"\nsha256 = \"" + token + "\"\n",
           entry("until = \"" + token + "\""),
           entry("names = [\"" + token + " \"]"),
           entry("services = [\"" + token + " \"]"),
       }) {
    INFO(text);
    const auto why = refused(text);
    CHECK(why != "");
    CHECK(why.find("secret") == std::string::npos);
  }
}

TEST_CASE("a tokens file and its lists have limits") {
  const auto many = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += fmt::format("[[token]]\nname=\"n{}\"\nrole=\"viewer\"\nsha256=\"{:064x}\"\n", i, i);
    }
    return text;
  };
  CHECK(refused(many(limits::credentials_max)) == "");
  check_refused(many(limits::credentials_max + 1), "has more than 16384 entries");
  const auto names = [](std::size_t count) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) list += fmt::format("\"w{}\",", i);
    return entry("names = [" + list + "]");
  };
  CHECK(refused(names(limits::scope_items_max)) == "");
  check_refused(names(limits::scope_items_max + 1), "names has at most 64 items");
}

TEST_CASE("a tokens file is private, as a token file is") {
  auto path = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << entry("");
  CHECK(read_tokens_file(path, "--tokens-file").ok());
  ::chmod(path.c_str(), 0644);
  const auto open = read_tokens_file(path, "--tokens-file");
  REQUIRE(!open.ok());
  CHECK(open.error().field == "--tokens-file");
  CHECK(open.error().message.find("chmod 600") != std::string::npos);
  std::filesystem::remove(path);
  CHECK(read_tokens_file(path, "--tokens-file").error().message.find(path) != std::string::npos);
  CHECK(read_tokens_file("/", "--tokens-file").error().message.find("not a regular file") !=
        std::string::npos);
}

TEST_CASE("what is written of an entry is read as it was meant") {
  const auto written = write_entry({.name = "w1",
                                    .role = Role::worker,
                                    .names = {"w1"},
                                    .services = {"shop", "web"},
                                    .addresses = {"10.0.0.0/8"},
                                    .witness = true,
                                    .until = "2027-01-31"},
                                   hash);
  REQUIRE(written.ok());
  const auto read = parse_tokens(*written, "");
  REQUIRE(read.ok());
  const auto& scope = read->all().front()->scope;
  CHECK(scope.services == std::vector<std::string>{"shop", "web"});
  CHECK(scope.addresses.size() == 1);
  CHECK(scope.witness);
  CHECK(read->all().front()->until->to_string() == "2027-01-31");
  const auto wrong = write_entry({.name = "w1", .role = Role::viewer, .services = {"shop"}}, hash);
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().message == "services is for the role worker alone");
  for (const auto* hostile : {"\"]\nwitness = true\n#", "x\"", "a\nb"}) {
    INFO(hostile);
    CHECK(!write_entry({.name = "w1", .role = Role::worker, .services = {hostile}}, hash).ok());
  }
}

TEST_CASE("a new token is one, is no hash, and never comes twice") {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const auto token = new_token();
    CHECK(token.size() == 47);
    CHECK(token.starts_with("tdm_"));
    CHECK(token.find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == token.npos);
    tokens.insert(token);
  }
  CHECK(tokens.size() == 100);
}

}  // namespace tandem::access::tokens_file_test
