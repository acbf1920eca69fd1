#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/control/limits.hpp"
#include "master/control/role_hooks.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::role_hooks_test {

using Words = std::vector<std::string>;

namespace {

std::string content(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a command is split at blanks, but for what is quoted") {
  CHECK(*parse_command("/bin/true", "--on-promote") == Words{"/bin/true"});
  CHECK(*parse_command("  a  b\tc ", "f") == Words{"a", "b", "c"});
  CHECK(*parse_command("a 'b c' \"d 'e\" f'g'", "f") == Words{"a", "b c", "d 'e", "fg"});
  CHECK(*parse_command("a '' b", "f") == Words{"a", "", "b"});
  CHECK(*parse_command("a $HOME;x", "f") == Words{"a", "$HOME;x"});  // no shell is asked
}

TEST_CASE("a command that is empty, or whose quote stays open, is refused by the flag's name") {
  for (const auto* text : {"", "  ", "''", "a 'b"}) {
    INFO(text);
    const auto parsed = parse_command(text, "--on-demote");
    REQUIRE(!parsed.ok());
    CHECK(parsed.error().message.find("--on-demote") == 0);
  }
}

TEST_CASE("commands are run with the node, the role and the term in their environment, in order") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "roles";
  const std::string write = "echo \"$TANDEM_NODE $TANDEM_ROLE $TANDEM_TERM\" >> " + file.string();
  RoleHooks hooks("a",
                  {.on_promote = {"/bin/sh", "-c", write}, .on_demote = {"/bin/sh", "-c", write}});
  hooks.promoted(Term(3));
  CHECK(eventually([&] { return content(file) == "a primary 3\n"; }));
  hooks.demoted(Term(4));
  CHECK(eventually([&] { return content(file) == "a primary 3\na standby 4\n"; }));
}

TEST_CASE("a command that cannot be started, or fails, harms nobody") {
  RoleHooks hooks("a", {.on_promote = {"/nowhere/to/be/found"}, .on_demote = {"/bin/false"}});
  hooks.promoted(Term(1));
  hooks.demoted(Term(2));
}

TEST_CASE("every gain and every loss runs its command, however long those before it take") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "roles";
  const auto go = directory.path() / "go";
  const std::string wait_and_write = "while [ ! -e " + go.string() +
                                     " ]; do sleep 0.01; done; "
                                     "echo \"$TANDEM_ROLE $TANDEM_TERM\" >> " +
                                     file.string();
  {
    RoleHooks hooks("a", {.on_promote = {"/bin/sh", "-c", wait_and_write},
                          .on_demote = {"/bin/sh", "-c", wait_and_write}});
    hooks.promoted(Term(1));
    hooks.demoted(Term(2));
    hooks.promoted(Term(3));
    hooks.demoted(Term(3));
    std::ofstream(go) << "now";
  }  // waits for them
  CHECK(content(file) == "primary 1\nstandby 2\nprimary 3\nstandby 3\n");
}

TEST_CASE("a process that ends at once has its loss of the leadership told, once") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "roles";
  const std::string write = "echo \"$TANDEM_ROLE $TANDEM_TERM\" >> " + file.string();
  RoleHooks hooks("a",
                  {.on_promote = {"/bin/sh", "-c", write}, .on_demote = {"/bin/sh", "-c", write}});
  hooks.promoted(Term(3));
  REQUIRE(eventually([&] { return content(file) == "primary 3\n"; }));
  hooks.end_at_once();
  CHECK(eventually([&] { return content(file) == "primary 3\nstandby 3\n"; }));
  hooks.end_at_once();
  hooks.promoted(Term(4));
  REQUIRE(eventually([&] { return content(file).find("primary 4") != std::string::npos; }));
  CHECK(content(file) == "primary 3\nstandby 3\nprimary 4\n");
}

TEST_CASE("of commands that would wait for ever the oldest are not run") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "roles";
  const auto go = directory.path() / "go";
  const std::string first = "while [ ! -e " + go.string() + " ]; do sleep 0.01; done";
  {
    RoleHooks hooks("a", {.on_promote = {"/bin/sh", "-c", first},
                          .on_demote = {"/bin/sh", "-c", "echo $TANDEM_TERM >> " + file.string()}});
    for (unsigned term = 1; term <= limits::hooks_waiting_max; ++term) {
      hooks.promoted(Term(term));
      hooks.demoted(Term(term));
    }
    std::ofstream(go) << "now";
  }
  const auto lines = content(file);
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  CHECK(count >= static_cast<long>(limits::hooks_waiting_max / 2));
  CHECK(count <= static_cast<long>(limits::hooks_waiting_max / 2 + 1));
  CHECK(lines.ends_with(fmt::format("{}\n", limits::hooks_waiting_max)));
}

}  // namespace tandem::master::role_hooks_test
