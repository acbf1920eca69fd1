// How the programs are called: bad calls end with one sentence and the promised exit status.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::usage_test {
namespace {

long lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// A call that is refused: its exit status, one sentence, and what the sentence must name. A failure
// that is no usage (status 1) may come after events have been logged: then the sentence is the last
// line.
void check_refused(const Arguments& command, ExitStatus status, const std::string& named) {
  const Finished finished = run(command);
  INFO(command.back() << ": " << finished.errors);
  CHECK(finished.status == status);
  CHECK(finished.output.empty());
  REQUIRE(!finished.errors.empty());
  if (status == 2) CHECK(lines(finished.errors) == 1);
  const auto last = finished.errors.rfind('\n', finished.errors.size() - 2) + 1;  // npos + 1 is 0
  CHECK_THAT(finished.errors.substr(last), Catch::Contains(named));
}

Arguments master(const TempDir& dir, const Arguments& more) {
  Arguments command = {program("tandem-master"),
                       "--node",
                       "a",
                       "--listen",
                       "127.0.0.1:0",
                       "--control",
                       "127.0.0.1:0",
                       "--data-dir",
                       dir.path("data")};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

}  // namespace

TEST_CASE("every program tells its usage and its version") {
  for (const auto* name : {"tandem-master", "tandem-worker", "tandem"}) {
    INFO(name);
    const Finished help = run({program(name), "--help"});
    CHECK(help.status == 0);
    CHECK_THAT(help.output, Catch::Contains("--"));
    const Finished version = run({program(name), "--version"});
    CHECK(version.status == 0);
    CHECK(lines(version.output) == 1);
  }
}

TEST_CASE("a master refuses bad flags by their names") {
  const TempDir dir;
  check_refused(master(dir, {"--no-such-flag"}), 2, "--no-such-flag");
  check_refused(master(dir, {"--backend", "nowhere"}), 2, "--backend");
  check_refused(master(dir, {"--balance", "best"}), 2, "--balance");
  check_refused(master(dir, {"--threads", "many"}), 2, "--threads");
  check_refused(master(dir, {"--worker-heartbeat", "1"}), 2, "--worker-heartbeat");
  check_refused({program("tandem-master"), "--node", "a b"}, 2, "--node");
  check_refused({program("tandem-master"), "--node", "a", "--listen", "8080"}, 2, "--listen");
}

TEST_CASE("a worker refuses bad flags by their names") {
  check_refused({program("tandem-worker"), "--no-such-flag"}, 2, "--no-such-flag");
  check_refused({program("tandem-worker"), "--name", "a/b", "--listen", "127.0.0.1:0"}, 2,
                "--name");
  check_refused(
      {program("tandem-worker"), "--name", "w", "--listen", "127.0.0.1:0", "--master", "here"}, 2,
      "--master");
  check_refused({program("tandem-worker"), "--name", "w", "--serve", "/no/such/directory"}, 2,
                "/no/such/directory");
}

TEST_CASE("an address in use is told with the address") {
  Cluster cluster;
  const TempDir dir;
  check_refused({program("tandem-master"), "--node", "b", "--listen", cluster.listen(), "--control",
                 "127.0.0.1:0", "--data-dir", dir.path("data")},
                1, cluster.listen());
  check_refused({program("tandem-master"), "--node", "b", "--listen", "127.0.0.1:0", "--control",
                 cluster.control(), "--data-dir", dir.path("data")},
                1, cluster.control());
  check_refused({program("tandem-worker"), "--name", "w", "--listen", cluster.listen()}, 1,
                cluster.listen());
}

TEST_CASE("a control address beyond loopback is refused without a token file") {
  const TempDir dir;
  check_refused({program("tandem-master"), "--node", "a", "--listen", "127.0.0.1:0", "--control",
                 "0.0.0.0:0", "--data-dir", dir.path("data"), "--insecure-network"},
                2, "--token-file");
}

TEST_CASE("what would go in clear text beyond this machine is refused, and the way out is told") {
  const TempDir dir;
  const auto token = dir.write("token", "0123456789abcdef0123456789abcdef");
  chmod(token.c_str(), 0600);
  const auto refused = [](const Arguments& command, const std::string& address) {
    check_refused(command, 2, address);
    for (const auto* way : {"--cluster-ca, --cluster-cert and --cluster-key", "--insecure-network",
                            "in clear text"}) {
      check_refused(command, 2, way);
    }
  };
  refused({program("tandem-master"), "--control", "0.0.0.0:0", "--token-file", token},
          "--control 0.0.0.0:0");
  refused(master(dir, {"--peer", "b=192.0.2.7:70", "--token-file", token}),
          "--peer b=192.0.2.7:70");
  refused(master(dir, {"--peer", "b=b.example:70"}), "--peer b=b.example:70");
  refused(master(dir, {"--join", "192.0.2.7:70", "--token-file", token}), "--join 192.0.2.7:70");
  const Arguments worker{program("tandem-worker"), "--name", "w", "--listen"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), worker.begin(), worker.end());
    return more;
  };
  refused(with({"127.0.0.1:0", "--master", "192.0.2.7:70"}), "--master 192.0.2.7:70");
  refused(with({"127.0.0.1:0", "--master", "m.example:70"}), "--master m.example:70");
  refused(with({"127.0.0.1:0", "--state-dir", dir.path("state"), "--witness-listen", "0.0.0.0:0"}),
          "--witness-listen 0.0.0.0:0");
  refused({program("tandem"), "status", "--control", "192.0.2.7:70", "--token-file", token},
          "--control 192.0.2.7:70");
  // Who presents nothing has nothing to lose.
  const auto asked = run({program("tandem"), "status", "--control", "192.0.2.7:0"});
  CHECK(asked.errors.find("in clear text") == std::string::npos);
}

TEST_CASE("a master on another machine is not added to a cluster that speaks in clear text") {
  const Cluster cluster;
  const Arguments add{program("tandem"), "--control", cluster.control(), "master", "add", "b",
                      "192.0.2.7:70"};
  REQUIRE(eventually([&] { return get(cluster.control(), "/primary").status == 200; }));
  const auto refused = run(add);
  INFO(refused.errors);
  CHECK(refused.status == 1);
  CHECK(refused.errors.find("192.0.2.7:70 is beyond this machine") != std::string::npos);
}

TEST_CASE("a configuration file that cannot be used is told by name and line") {
  const TempDir dir;
  check_refused(master(dir, {"--config", dir.path("absent.toml")}), 2, dir.path("absent.toml"));
  check_refused(master(dir, {"--config", dir.write("broken.toml", "node = \n")}), 2,
                "broken.toml:1");
  check_refused(
      master(dir, {"--config", dir.write("unknown.toml", "# comment\nlisten-on = \"x\"\n")}), 2,
      "listen-on");
  check_refused(master(dir, {"--config", dir.write("type.toml", "\nthreads = \"two\"\n")}), 2,
                "type.toml:2");
  check_refused(
      master(dir, {"--config", dir.write("service.toml", "[service.shop]\nattempts = 11\n")}), 2,
      "service.toml:2: service.shop: attempts must be a whole number from 1 to 10");
}

TEST_CASE("a configuration file does what flags do and flags win") {
  const TempDir dir;
  const std::string config = dir.write("master.toml",
                                       "node = \"from-file\"\n"
                                       "listen = \"127.0.0.1:0\"\n"
                                       "control = \"127.0.0.1:0\"\n"
                                       "data-dir = \"" +
                                           dir.path("data") +
                                           "\"\n"
                                           "backend = [\"files=127.0.0.1:9\"]\n"
                                           "threads = 1\n"
                                           "[service.files]\n"
                                           "attempts = 2\n"
                                           "check_path = \"/ready\"\n");
  Process from_file(dir, "file", {program("tandem-master"), "--config", config});
  const std::string ready = from_file.await_line("tandem-master ready");
  CHECK(field_of(ready, "node") == "from-file");
  CHECK_THAT(get(field_of(ready, "control"), "/v1/workers").body, Catch::Contains("127.0.0.1:9"));
  CHECK(get(field_of(ready, "control"), "/v1/services/files/settings").body ==
        R"({"attempts":2,"check_path":"/ready"})");
  from_file.terminate();
  CHECK(from_file.await_exit() == 0);

  Process overridden(dir, "flag",
                     {program("tandem-master"), "--config", config, "--node", "from-flag",
                      "--data-dir", dir.path("other")});
  CHECK(field_of(overridden.await_line("tandem-master ready"), "node") == "from-flag");
}

TEST_CASE("the command-line tool says that no master answers") {
  const std::string nobody = free_address();
  for (const auto* verb : {"status", "workers"}) {
    check_refused({program("tandem"), verb, "--control", nobody}, 1, nobody);
  }
}

TEST_CASE("the command-line tool shows the cluster for people and for programs") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const std::string nobody = free_address();
  const Arguments controls = {"--control", nobody, "--control", cluster.control()};
  for (const auto* verb : {"status", "workers"}) {
    Arguments command = {program("tandem"), verb};
    command.insert(command.end(), controls.begin(), controls.end());
    const Finished table = run(command);
    CHECK(table.status == 0);
    CHECK_THAT(table.output, Catch::Contains("w1") && Catch::Contains("up"));
    command.push_back("--json");
    const Finished json = run(command);
    CHECK(json.status == 0);
    CHECK_THAT(json.output, Catch::StartsWith("{") && Catch::Contains("\"w1\""));
  }
}

TEST_CASE("the command-line tool sets several settings of a service at once, or none of them") {
  Cluster cluster;
  const auto service = [&cluster](const Arguments& more) {
    Arguments command = {program("tandem"), "--control", cluster.control(), "service"};
    command.insert(command.end(), more.begin(), more.end());
    return run(command);
  };
  const Finished set =
      service({"set", "shop", "--new", "attempts=2", "retry_methods=GET,POST", "retry_on=502,503"});
  INFO(set.errors);
  CHECK(set.status == 0);
  CHECK(set.output == "attempts=2\nretry_methods=GET,POST\nretry_on=502,503\n");
  const Finished wrong = service({"set", "shop", "attempts=3", "retry_methods=get"});
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.errors, Catch::Contains("retry_methods must be none, or up to 16 methods"));
  CHECK(service({"show", "shop"}).output == set.output);
  CHECK(service({"shop"}).status == 2);
}

}  // namespace tandem::e2e::usage_test
