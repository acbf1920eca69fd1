// Secrets that are replaced while everybody runs: tokens, certificates, and their authority.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <mutex>

#include <catch2/catch.hpp>

#include "tandem/client.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::rotation_test {
namespace {

constexpr auto read_again = "certificate and token read again";

std::size_t count(std::string_view part, const std::string& text) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// A program that knows control addresses, and watches the service there.
class Program {
 public:
  explicit Program(tandem::ClientOptions options) : client_(std::move(options)) {
    tandem::WatchOptions often;
    often.interval = std::chrono::milliseconds(20);
    often.failed = [this](const tandem::ClientError& error) { note(error.message); };
    watch_ = client_.watch(
        "default", [this](const tandem::ServiceView& view) { saw(view.workers.size()); }, often);
  }
  std::string reload() { return client_.reload_secrets().value_or(""); }
  bool await_workers(std::size_t number) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return workers_ == number;
    });
  }
  std::string first_failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  tandem::ClientResult get() { return client_.Get("/"); }

 private:
  void saw(std::size_t workers) {
    const std::lock_guard lock(mutex_);
    workers_ = workers;
  }
  void note(const std::string& failure) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = failure;
  }

  std::mutex mutex_;
  std::size_t workers_ = 0;
  std::string failure_;
  tandem::Client client_;
  std::unique_ptr<tandem::ServiceWatch> watch_;
};

void replace(const std::string& file, const std::string& text) {
  std::ofstream(file + ".new") << text;
  ::chmod((file + ".new").c_str(), 0600);
  std::filesystem::rename(file + ".new", file);
}

}  // namespace

TEST_CASE("a worker's token is replaced without a restart, nor a failed heartbeat or request") {
  PairClusterOptions options;
  options.tokens = true;
  PairCluster cluster(std::move(options));
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  auto& tokens = cluster.tokens();
  tokens.add("looker", {"--name", "looker", "--role", "viewer"});
  tokens.give("looker", "looker");
  cluster.reload_tokens();
  const auto asked_with = [&](const std::string& master, const std::string& key) {
    return Client(cluster.control(master)).get("/status", tokens.headers(key)).status;
  };
  const auto await_known = [&](const std::string& key, int status) {
    for (const auto& master : cluster.names()) {
      REQUIRE(eventually([&] { return asked_with(master, key) == status; }));
    }
  };
  await_known("looker", 200);
  tandem::ClientOptions program_options;
  program_options.controls = {cluster.control(primary), cluster.control(standby)};
  program_options.token_file = tokens.file_of("looker");
  Program program(program_options);
  REQUIRE(program.await_workers(2));
  Load load(cluster.listen(standby), 2);
  REQUIRE(load.await_more(20));

  for (const std::string worker : {"w1", "w2"}) {
    tokens.add(worker + "-new", {"--name", worker, "--role", "worker", "--witness"});
  }
  tokens.add("looker-new", {"--name", "looker", "--role", "viewer"});
  cluster.reload_tokens();
  await_known("w2-new", 403);
  await_known("looker-new", 200);
  // What is broken changes nothing.
  const auto good = read_file(tokens.file_of("w1"));
  replace(tokens.file_of("w1"), "short");
  cluster.worker("w1").signal(SIGHUP);
  CHECK(eventually([&] {
    return is_in("certificate and token stay as they were reason=\"token_file",
                 cluster.worker("w1").errors());
  }));
  replace(tokens.file_of("w1"), good);
  for (const std::string worker : {"w1", "w2"}) {
    tokens.give(worker, worker + "-new");
    cluster.worker(worker).signal(SIGHUP);
    REQUIRE(eventually([&] { return is_in(read_again, cluster.worker(worker).errors()); }));
  }
  replace(tokens.file_of("looker"), "short");
  CHECK(is_in("token_file", program.reload()));
  tokens.give("looker", "looker-new");
  CHECK(program.reload() == "");
  for (const std::string old : {"w1", "w2", "looker"}) tokens.remove(old);
  cluster.reload_tokens();
  await_known("w1", 401);
  await_known("looker", 401);
  REQUIRE(cluster.await_whole() == "");
  REQUIRE(load.await_more(20));

  // The witness knows the masters by what follows from its new token.
  cluster.master(primary).kill9();
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{standby}; }));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(program.get());
  for (const std::string worker : {"w1", "w2"}) {
    CHECK(count("heartbeat was not accepted", cluster.worker(worker).errors()) <= 1);  // the kill
  }
}

TEST_CASE("certificates and their authority are replaced without a failed heartbeat or request") {
  PairClusterOptions options;
  options.certificates = true;
  PairCluster cluster(std::move(options));
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  const auto& old = cluster.certificates();
  const auto operator_files = old.of("operator", "ops");
  tandem::ClientOptions program_options;
  program_options.controls = {cluster.control(primary), cluster.control(standby)};
  program_options.cluster = {operator_files.authority, operator_files.certificate,
                             operator_files.key, old.revoked_file()};
  Program program(program_options);
  REQUIRE(program.await_workers(2));
  Load load(cluster.listen(standby), 2);
  REQUIRE(load.await_more(20));

  const TempDir dir;
  Certificates next(dir);
  std::size_t turns = 0;
  const auto turn = [&] {
    ++turns;
    // Somebody else's, so that each reading has a line of its own.
    std::ofstream(old.revoked_file(), std::ios::app) << fmt::format("{:064x}\n", turns);
    cluster.reload_certificates();
    for (const auto& master : cluster.names()) {
      REQUIRE(eventually([&] {
        return is_in(fmt::format("revocations={}", turns), cluster.master(master).errors());
      }));
    }
    for (const std::string worker : {"w1", "w2"}) {
      REQUIRE(eventually(
          [&] { return is_in(fmt::format("times={}", turns), cluster.worker(worker).errors()); }));
    }
    CHECK(program.reload() == "");
    REQUIRE(load.await_more(20));
  };
  const auto own = read_file(operator_files.authority);
  const auto others = read_file(next.directory() + "/ca.pem");
  replace(operator_files.authority, own + others);
  turn();
  for (const auto& [kind, name] : {std::pair<std::string, std::string>("master", "a"),
                                   {"master", "b"},
                                   {"worker", "w1"},
                                   {"worker", "w2"},
                                   {"operator", "ops"}}) {
    next.issue(kind, name,
               kind == "worker"   ? std::vector<std::string>{"--witness"}
               : kind == "master" ? std::vector<std::string>{"--address", "127.0.0.1"}
                                  : std::vector<std::string>{});
    replace(old.of(kind, name).certificate, read_file(next.of(kind, name).certificate));
    replace(old.of(kind, name).key, read_file(next.of(kind, name).key));
  }
  turn();
  replace(operator_files.authority, others);
  turn();
  REQUIRE(cluster.await_whole() == "");
  CHECK(program.first_failure() == "");
  CHECK(program.get());
  for (const std::string worker : {"w1", "w2"}) {
    CHECK(count("heartbeat was not accepted", cluster.worker(worker).errors()) == 0);
  }
  CHECK(cluster.primaries() == std::vector{primary});
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE(
    "a worker that does not believe a master's new certificate fails no request, and is told") {
  PairCluster cluster(with_certificates({"a"}));
  for (const auto* name : {"w1", "w2"}) cluster.start_worker(name, PairCluster::Votes::no);
  REQUIRE(cluster.await_whole() == "");
  const auto& old = cluster.certificates();
  const auto own = old.of("master", "a");
  const TempDir dir;
  Certificates next(dir);
  next.issue("master", "a", {"--address", "127.0.0.1"});
  const auto await_line = [&](Process& process, std::string_view line) {
    REQUIRE(eventually([&] { return is_in(line, process.errors()); }));
  };
  // Of the new authority the second worker does not know.
  replace(own.authority, read_file(own.authority) + read_file(next.directory() + "/ca.pem"));
  cluster.worker("w1").signal(SIGHUP);
  await_line(cluster.worker("w1"), read_again);
  replace(own.certificate, read_file(next.of("master", "a").certificate));
  replace(own.key, read_file(next.of("master", "a").key));
  cluster.master("a").signal(SIGHUP);
  await_line(cluster.master("a"), "certificate of the cluster read again");

  const auto refuses = [&] {
    const auto w2 = cluster.status("a").workers.at("w2");
    return w2.state == "suspect";
  };
  REQUIRE(eventually([&] {
    CHECK(post(cluster.listen("a"), "/", "once").status == 200);
    return refuses();
  }));
  for (int i = 0; i < 20; ++i) CHECK(post(cluster.listen("a"), "/", "once").status == 200);
  const auto tandem = [&](const std::string& word) {
    Arguments command{program("tandem"), "--control", cluster.control("a")};
    const auto flags = old.flags_of("operator", "ops");
    command.insert(command.end(), flags.begin(), flags.end());
    command.push_back(word);
    if (word == "status") command.push_back("--check");
    return run(command).output;
  };
  const auto* const why = "refuses TLS with this master: unknown ca";
  CHECK(is_in(std::string("worker w2 is suspect: ") + why, tandem("status")));
  CHECK(is_in(why, tandem("workers")));
  await_line(cluster.master("a"), "a worker refuses tls with this master worker=w2");
  CHECK(count("refuses tls with this master", cluster.master("a").errors()) == 1);
  await_line(cluster.worker("w2"),
             "connection refused from=127.0.0.1 reason=\"TLS: its certificate");

  // Until the worker has the authority too.
  cluster.worker("w2").signal(SIGHUP);
  await_line(cluster.worker("w2"), read_again);
  CHECK(eventually([&] {
    CHECK(post(cluster.listen("a"), "/", "once").status == 200);
    return cluster.status("a").workers.at("w2").state == "up";
  }));
}

}  // namespace tandem::e2e::rotation_test
