#include "common/base/command_line.hpp"
#include "common/base/limits.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

namespace tandem::command_line_test {
namespace {

// A file that is there as long as this object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    path_ = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
    const int file = mkstemp(path_.data());
    REQUIRE(file >= 0);
    ::close(file);
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What a program writes to `descriptor` (1 or 2) while this object lives.
class Captured {
 public:
  Captured(std::FILE* stream, int descriptor)
      : stream_(stream), descriptor_(descriptor), file_("") {
    std::fflush(stream_);
    saved_ = ::dup(descriptor_);
    const int file = ::open(file_.path().c_str(), O_WRONLY | O_TRUNC);
    ::dup2(file, descriptor_);
    ::close(file);
  }
  ~Captured() { restore(); }
  std::string text() {
    restore();
    std::ifstream file(file_.path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    std::fflush(stream_);
    ::dup2(saved_, descriptor_);
    ::close(saved_);
    saved_ = -1;
  }
  std::FILE* stream_;
  int descriptor_;
  int saved_ = -1;
  TemporaryFile file_;
};

// One flag of each kind, as a program would bind them.
struct Program {
  CLI::App app{"A program", "trial"};
  std::string node = "n1";
  std::string directory;
  Endpoint listen{"127.0.0.1", 8080};
  std::optional<Endpoint> target;
  std::vector<Endpoint> masters;
  Duration interval = 1s;
  unsigned threads = 2;
  bool failover = true;
  bool json = false;
  LogLevel level = LogLevel::info;
  CLI::Option* node_flag = nullptr;
  std::vector<std::string> shops;  // "NAME KEY=VALUE", in order
  std::string out, err;

  Program() {
    node_flag = bind_name(app, "--node", "this node", node);
    bind_text(app, "--data-dir", "DIR", "state", directory);
    bind_endpoint(app, "--listen", "clients", listen);
    bind_endpoint(app, "--target", "elsewhere", target);
    bind_endpoints(app, "--master", "masters", masters);
    bind_duration(app, "--interval", "time", interval, {10ms, 1min});
    bind_number(app, "--threads", "loops", threads, {1, 64});
    bind_choice(app, "--failover", "whether", failover, {"on", true}, {"off", false});
    bind_switch(app, "--json", "for scripts", json);
    bind_each(app, "--shop", "NAME:KEY=VALUE", "a shop",
              [this](std::string_view text, std::string_view) -> Result<> {
                shops.push_back("flag " + std::string(text));
                return {};
              });
    bind_log_level(app, level);
  }

  // Of [shop.NAME].
  ConfigTable shop_table() {
    return {.flag = "--shop",
            .parser = [this](std::string_view name, std::string_view key, std::string_view value,
                             std::string_view table) -> Result<> {
              if (value == "bad") return invalid(fmt::format("{}: {} must be good", table, key));
              shops.push_back(fmt::format("{} {}={}", name, key, value));
              return {};
            }};
  }

  std::optional<int> run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"trial"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    Captured captured_out(stdout, 1);
    Captured captured_err(stderr, 2);
    const auto status =
        parse_command_line(app, static_cast<int>(argv.size()), argv.data(), {shop_table()});
    out = captured_out.text();
    err = captured_err.text();
    return status;
  }
};

}  // namespace

TEST_CASE("flags fill what they are bound to, and the rest keeps its default") {
  Program program;
  CHECK(program.run({"--node", "a", "--listen=[::1]:0", "--master", "127.0.0.1:1", "--master",
                     "10.0.0.1:2", "--interval", "1500ms", "--json", "--log-level", "debug"}) ==
        std::nullopt);
  CHECK(program.node == "a");
  CHECK(program.listen == Endpoint{"::1", 0});
  REQUIRE(program.masters.size() == 2);
  CHECK(program.masters[1] == Endpoint{"10.0.0.1", 2});
  CHECK(program.interval == Duration(1500ms));
  CHECK(program.json);
  CHECK(program.level == LogLevel::debug);
  CHECK(program.threads == 2);
  CHECK(!program.target);
  CHECK(program.err.empty());
}

TEST_CASE("the version is printed with the program's name and the help with flags and defaults") {
  Program version;
  CHECK(version.run({"--version"}) == 0);
  CHECK(version.out == "trial 0.2.0\n");
  Program help;
  CHECK(help.run({"--help"}) == 0);
  for (const auto* word :
       {"--listen", "HOST:PORT", "127.0.0.1:8080", "--config", "--interval", "1s"}) {
    INFO(word << " in " << help.out);
    CHECK(help.out.find(word) != std::string::npos);
  }
}

TEST_CASE("a wrong value ends with status 2 and one sentence that names the flag") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--node", "a/b"}, "--node must be 1 to 64 characters"},
      {{"--data-dir", ""}, "--data-dir must not be empty"},
      {{"--listen", "8080"}, "--listen must be HOST:PORT"},
      {{"--master", "127.0.0.1:1", "--master", "x"}, "--master must be HOST:PORT"},
      {{"--interval", "1"}, "--interval must be a duration"},
      {{"--interval", "9ms"}, "--interval must be 10ms to 1m"},
      {{"--interval", "61s"}, "--interval must be 10ms to 1m"},
      {{"--threads", "0"}, "--threads must be a whole number from 1 to 64"},
      {{"--threads", "65"}, "--threads must be a whole number from 1 to 64"},
      {{"--threads", "-1"}, "--threads"},
      {{"--threads", "1.5"}, "--threads must be a whole number"},
      {{"--threads", "99999999999999999999"}, "--threads must be a whole number"},
      {{"--failover", "best"}, "--failover must be on or off, not \"best\""},
      {{"--log-level", "loud"}, "--log-level must be debug, info, warning, error or off"},
      {{"--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"}, "--listen"},
      {{"--listen"}, "--listen"},
      {{"--bogus"}, "--bogus"},
      {{"stray"}, "stray"},
      {{"--config", "/nonexistent.toml"},
       "--config: /nonexistent.toml cannot be read: No such file or directory"},
      {{"--config", "/"}, "--config: / cannot be read: Is a directory"},
  };
  for (const auto& [arguments, sentence] : cases) {
    Program program;
    const auto status = program.run(arguments);
    INFO(sentence << " in " << program.err);
    CHECK(status == 2);
    CHECK(program.err.starts_with("trial: "));
    CHECK(program.err.find(sentence) != std::string::npos);
    CHECK(std::count(program.err.begin(), program.err.end(), '\n') == 1);
  }
}

TEST_CASE("the configuration file fills what the command line does not give") {
  const TemporaryFile file(R"(
# a comment
node = "from-file"
listen = "127.0.0.1:1"
master = ["127.0.0.1:2", "127.0.0.1:3"]
interval = "2s"
threads = 7
json = true
data-dir = "/var/lib/tandem"
)");
  Program program;
  CHECK(program.run({"--config", file.path(), "--listen", "127.0.0.1:9"}) == std::nullopt);
  CHECK(program.err.empty());
  CHECK(program.node == "from-file");
  CHECK(program.listen == Endpoint{"127.0.0.1", 9});
  CHECK(program.masters.size() == 2);
  CHECK(program.interval == Duration(2s));
  CHECK(program.threads == 7);
  CHECK(program.json);
  CHECK(program.directory == "/var/lib/tandem");
}

TEST_CASE("an empty name of a file is refused: it is a variable that was not set") {
  Program program;
  CHECK(program.run({"--config", ""}) == 2);
  CHECK(program.err == "trial: --config names no file\n");
}

TEST_CASE("a repeatable flag on the command line replaces the file's list") {
  const TemporaryFile file("master = [\"127.0.0.1:2\", \"127.0.0.1:3\"]\n");
  Program program;
  CHECK(program.run({"--config", file.path(), "--master", "127.0.0.1:9"}) == std::nullopt);
  REQUIRE(program.masters.size() == 1);
  CHECK(program.masters[0].port == 9);
}

TEST_CASE("a required flag may stand in the file") {
  const TemporaryFile file("node = \"a\"\n");
  Program with;
  with.node_flag->required();
  CHECK(with.run({"--config", file.path()}) == std::nullopt);
  Program without;
  without.node_flag->required();
  CHECK(without.run({}) == 2);
  CHECK(without.err == "trial: --node is required\n");
}

TEST_CASE("a mistyped command is named") {
  Program mistyped;
  mistyped.app.add_subcommand("status");
  mistyped.app.require_subcommand(1);
  CHECK(mistyped.run({"stauts"}) == 2);
  CHECK(mistyped.err == "trial: unknown argument stauts\n");
  Program none;
  none.app.add_subcommand("status");
  none.app.require_subcommand(1);
  CHECK(none.run({}) == 2);
  CHECK(none.err == "trial: A subcommand is required\n");
}

TEST_CASE("what is wrong in the file is told with its line") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\nbogus = 1\n", ":2: unknown key \"bogus\""},
      {"config = \"x\"\n", ":1: unknown key \"config\""},
      {"help = true\n", ":1: unknown key \"help\""},
      {"node = \"a/b\"\n", ":1: --node must be 1 to 64 characters"},
      {"node = 5\n", ":1: --node must be a string in quotes"},
      {"\n\nthreads = \"4\"\n", ":3: --threads must be a whole number"},
      {"threads = 1.5\n", ":1: threads must be a string, a whole number"},
      {"threads = -1\n", ":1: --threads must be a whole number from 1 to 64"},
      {"threads = 65\n", ":1: --threads must be a whole number from 1 to 64"},
      {"threads = [1]\n", ":1: --threads takes one value, not an array"},
      {"json = \"yes\"\n", ":1: --json must be true or false"},
      {"interval = 100\n", ":1: --interval must be a string in quotes"},
      {"master = [\"127.0.0.1:1\", 5]\n", ":1: master must be an array of strings"},
      {"master = [[\"127.0.0.1:1\"]]\n", ":1: master must be an array of strings"},
      {"[master]\nnode = \"a\"\n", ":1: master is a table"},
      {"[nothing.one]\na = 1\n", ":1: unknown key \"nothing\""},
      {"[shop]\none = \"a\"\n", ":2: shop.one must be a table of settings: [shop.NAME]"},
      {"[shop.one]\na = \"good\"\nb = \"bad\"\n", ":3: shop.one: b must be good"},
      {"[shop.one]\n[shop.one.deep]\na = 1\n", ":2: shop.one.deep is a table nested too deep"},
      {"[shop.one]\na = 2026-01-01\n", ":2: shop.one.a must be a string, a whole number"},
      {"[shop.one]\na = [1, \"x\"]\n", ":2: shop.one.a must be an array of strings"},
      {"[[shop.one]]\na = 1\n", ":1: shop.one must be an array of strings"},
      {"[shop.one]\na = 1\n[shop.one]\nb = 1\n", ":3: "},
      {"node = \"a\"\nnode = \"b\"\n", ":2: "},
      {"node = \n", ":1: "},
      {"node = \"a\"\nlisten == 4\n", ":2: "},
  };
  for (const auto& [text, sentence] : cases) {
    const TemporaryFile file(text);
    Program program;
    const auto status = program.run({"--config", file.path()});
    INFO(text << " gives " << program.err);
    CHECK(status == 2);
    CHECK(program.err.starts_with("trial: " + file.path() + sentence));
    CHECK(std::count(program.err.begin(), program.err.end(), '\n') == 1);
  }
}

TEST_CASE("tables of the file are settings, each by its own name, in the order of the file") {
  const TemporaryFile file(R"(
threads = 7

[shop.one]
policy = "p2c"
attempts = 2
statuses = [502, 503]
methods = ["GET", "HEAD"]
factor = 1.9
none = []

[shop."a.b"]
open = true

[shop.empty]
)");
  Program program;
  CHECK(program.run({"--config", file.path()}) == std::nullopt);
  CHECK(program.err.empty());
  CHECK(program.threads == 7);
  CHECK(program.shops == std::vector<std::string>{"one policy=p2c", "one attempts=2",
                                                  "one statuses=502,503", "one methods=GET,HEAD",
                                                  "one factor=1.9", "one none=", "a.b open=true"});
}

TEST_CASE("tables may be written in a line, and a flag on the command line replaces them all") {
  const TemporaryFile file("shop = {one = {policy = \"p2c\"}, two = {attempts = 2}}\n");
  Program program;
  CHECK(program.run({"--config", file.path()}) == std::nullopt);
  CHECK(program.shops.size() == 2);
  Program overridden;
  CHECK(overridden.run({"--config", file.path(), "--shop", "three:x=1"}) == std::nullopt);
  CHECK(overridden.shops == std::vector<std::string>{"flag three:x=1"});
}

TEST_CASE("an array in the file is still the list of a repeatable flag that has tables") {
  const TemporaryFile file("shop = [\"one:policy=p2c\"]\n");
  Program program;
  CHECK(program.run({"--config", file.path()}) == std::nullopt);
  CHECK(program.shops == std::vector<std::string>{"flag one:policy=p2c"});
}

TEST_CASE("a value in the file is checked even when a flag wins") {
  const TemporaryFile file("threads = \"x\"\n");
  Program program;
  CHECK(program.run({"--config", file.path(), "--threads", "3"}) == 2);
}

TEST_CASE("a configuration file has a size limit") {
  const auto padded = [](std::size_t size) { return "#" + std::string(size - 2, 'x') + "\n"; };
  const TemporaryFile at_limit(padded(limits::config_bytes_max));
  Program accepted;
  CHECK(accepted.run({"--config", at_limit.path()}) == std::nullopt);
  const TemporaryFile past_limit(padded(limits::config_bytes_max + 1));
  Program refused;
  CHECK(refused.run({"--config", past_limit.path()}) == 2);
  CHECK(refused.err.find("is longer than") != std::string::npos);
}

}  // namespace tandem::command_line_test
