// The addresses of a master are changed while it serves: SIGHUP and POST /v1/reload.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::reload_addresses_test {

using Catch::Contains;
using nlohmann::json;

namespace {

bool is_refused(const std::string& address) { return get(address, "/").unconnected; }

void replace(const TempDir& dir, const std::string& file, const std::string& text) {
  std::filesystem::rename(dir.write("next.toml", text), file);
}

std::string listen_at(const std::vector<std::string>& addresses) {
  return fmt::format("listen = {}\n", json(addresses).dump());
}

std::string inner_at(const std::string& address) {
  return fmt::format("listen-inner = \"{}\"\n", address);
}

// A master whose addresses are in its file, and two workers.
struct Scene {
  explicit Scene(const std::string& more = {}, const Arguments& prefix = {}) {
    replace(dir, file, listen_at({first}) + more);
    Arguments command = prefix;
    for (const auto& word :
         {program("tandem-master"), std::string("--config"), file, std::string("--control"),
          control, std::string("--threads"), std::string("3"), std::string("--worker-heartbeat"),
          std::string("200ms")}) {
      command.push_back(word);
    }
    master.emplace(dir, "master", command);
    master->await_line("tandem-master ready");
    for (int i = 0; i < 2; ++i) {
      const auto name = fmt::format("w{}", i);
      workers.push_back(
          std::make_unique<Process>(dir, name,
                                    Arguments{program("tandem-worker"), "--name", name, "--master",
                                              control, "--listen", "127.0.0.1:0"}));
    }
    REQUIRE(eventually([this] {
      return json::parse(get(control, "/v1/workers").body)["workers"].size() == 2 &&
             get(first, "/").status == 200;
    }));
  }
  Answer reload_with(const std::string& text) {
    replace(dir, file, text);
    return post(control, "/v1/reload");
  }
  void reload_well_with(const std::string& text) {
    const auto answer = reload_with(text);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    CHECK(json::parse(answer.body)["refused"].empty());
  }
  std::string status_listen() const {
    return json::parse(get(control, "/v1/masters").body)["masters"][0].value("listen", "");
  }

  TempDir dir;
  std::string file = dir.path("m.toml");
  std::string first = free_address();
  std::string control = free_address();
  std::optional<Process> master;
  std::vector<std::unique_ptr<Process>> workers;
};

// Two masters whose addresses are in files, and two workers.
struct Pair {
  enum class Inner { none, each };  // addresses where the other master passes requests on
  explicit Pair(Inner inner = Inner::none) {
    for (const auto* name : {"a", "b"}) {
      control[name] = free_address();
      listen[name] = free_address();
    }
    for (const auto* name : {"a", "b"}) {
      const std::string other = name == std::string("a") ? "b" : "a";
      replace(dir, file_of(name),
              listen_at({listen[name]}) +
                  (inner == Inner::each ? inner_at(free_address()) : std::string()));
      masters[name] = std::make_unique<Process>(
          dir, name,
          Arguments{program("tandem-master"), "--node", name, "--config", file_of(name),
                    "--control", control[name], "--peer", other + "=" + control[other],
                    "--data-dir", dir.path(std::string(name) + "-data"), "--threads", "2",
                    "--worker-heartbeat", "200ms"});
    }
    for (const auto* name : {"a", "b"}) masters[name]->await_line("tandem-master ready");
    for (const auto* name : {"w1", "w2"}) {
      workers.push_back(std::make_unique<Process>(
          dir, name,
          Arguments{program("tandem-worker"), "--name", name, "--master", control["a"], "--master",
                    control["b"], "--listen", "127.0.0.1:0"}));
    }
    for (const auto& [name, address] : listen) {
      REQUIRE(eventually([&] { return get(address, "/").status == 200; }));
    }
  }
  std::string file_of(const std::string& name) const { return dir.path(name + ".toml"); }
  Answer reload_with(const std::string& name, const std::string& address) {
    return reload_with_text(name, listen_at({address}));
  }
  Answer reload_with_text(const std::string& name, const std::string& text) {
    replace(dir, file_of(name), text);
    return post(control[name], "/v1/reload");
  }

  TempDir dir;
  std::map<std::string, std::string> control, listen;
  std::map<std::string, std::unique_ptr<Process>> masters;
  std::vector<std::unique_ptr<Process>> workers;
};

}  // namespace

TEST_CASE("addresses come and go by a reload, and what is told about them follows") {
  Scene scene;
  const auto second = free_address();
  scene.reload_well_with(listen_at({scene.first, second}));
  CHECK(get(scene.first, "/").status == 200);
  CHECK(get(second, "/").status == 200);
  CHECK(scene.status_listen() == scene.first);
  scene.reload_well_with(listen_at({second}));
  CHECK(get(second, "/").status == 200);
  CHECK(is_refused(scene.first));
  CHECK(eventually([&] { return scene.status_listen() == second; }));
  CHECK_THAT(get(scene.control, "/v1/config").body, Contains(second) && !Contains(scene.first));
  CHECK_THAT(get(scene.control, "/events").body, Contains("read again: listen"));
  // By the signal too.
  replace(scene.dir, scene.file, listen_at({scene.first}));
  scene.master->signal(SIGHUP);
  CHECK(eventually([&] { return get(scene.first, "/").status == 200 && is_refused(second); }));
}

TEST_CASE("no request fails while the addresses of a master change under load") {
  Scene scene;
  const auto stays = free_address();
  const auto comes = free_address();
  scene.reload_well_with(listen_at({scene.first, stays}));
  Load kept(stays, 2);
  Load moved(scene.first, 2, "/", Load::WhenClosed::fails);
  REQUIRE(moved.await_more(20));
  // Clients are told of the new address, and come there, before the old one goes.
  for (int round = 0; round < 5; ++round) {
    scene.reload_well_with(listen_at({stays, comes, scene.first}));
    Load beside(comes, 2);
    REQUIRE(kept.await_more(20));
    REQUIRE(beside.await_more(20));
    REQUIRE(moved.await_more(20));
    beside.stop();
    CHECK(beside.failed() == 0);
    scene.reload_well_with(listen_at({scene.first, stays}));
  }
  for (auto* load : {&kept, &moved}) {
    load->stop();
    INFO(load->first_failure());
    CHECK(load->failed() == 0);
  }
}

TEST_CASE("a connection by an address that has gone is served to its end") {
  Scene scene;
  Client client(scene.first);
  CHECK(client.get("/").header("Connection") != "close");
  scene.reload_well_with(listen_at({free_address()}));
  const auto last = client.get("/");
  CHECK(last.status == 200);
  CHECK(last.header("Connection") == "close");
  CHECK(client.get("/").unconnected);
}

TEST_CASE("the same port at another address is taken over under load") {
  Scene scene;
  const auto port = scene.first.substr(scene.first.find(':'));
  Load load(scene.first, 3);
  for (const auto* host : {"0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1"}) {
    REQUIRE(load.await_more(20));
    INFO(host);
    scene.reload_well_with(listen_at({host + port}));
    CHECK(get(scene.first, "/").status == 200);
  }
  REQUIRE(load.await_more(20));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("an address that is taken changes nothing, and the answer names it and the reason") {
  Scene scene;
  const auto good = free_address();
  const auto answer =
      scene.reload_with("max-body = \"5\"\n" + listen_at({good, scene.control, scene.first}));
  CHECK(answer.status == 409);
  CHECK_THAT(answer.body, Contains("--listen " + scene.control) && Contains("in use"));
  CHECK(is_refused(good));
  CHECK(get(scene.first, "/").status == 200);
  CHECK_THAT(get(scene.control, "/v1/config").body, Contains(scene.first) && !Contains(good));
  CHECK(post(scene.first, "/", "longer than that").status != 413);
  CHECK(scene.status_listen() == scene.first);
  // An address that this machine does not have.
  CHECK_THAT(scene.reload_with(listen_at({"192.0.2.1:80"})).body, Contains("192.0.2.1:80"));
  // As soon as it is free it is opened.
  scene.reload_well_with(listen_at({good}));
  CHECK(get(good, "/").status == 200);
}

TEST_CASE("the only address of a master is not taken away by a reload") {
  Scene scene;
  const auto answer = scene.reload_with("max-body = \"5\"\n");
  CHECK(answer.status == 409);
  CHECK_THAT(answer.body, Contains("no address would be left"));
  CHECK(get(scene.first, "/").status == 200);
  CHECK(scene.reload_with("listen = []\n").status == 409);
  CHECK(get(scene.first, "/").status == 200);
}

TEST_CASE("a master that is short of descriptors keeps its addresses, and says why") {
  Scene scene;
  const auto next = free_address();
  const auto open = [&] {
    const auto all = fmt::format("/proc/{}/fd", scene.master->pid());
    return static_cast<rlim_t>(std::distance(std::filesystem::directory_iterator(all), {}));
  };
  rlimit before{};
  REQUIRE(::prlimit(scene.master->pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
  // Room for the file and the caller, not for a socket of each loop at each address.
  const rlimit few{open() + 4, before.rlim_max};
  REQUIRE(::prlimit(scene.master->pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  std::vector<std::string> many{scene.first, next};
  for (int i = 0; i < 8; ++i) many.push_back(free_address());
  const auto answer = scene.reload_with(listen_at(many));
  CHECK(answer.status == 409);
  CHECK_THAT(answer.body, Contains("Too many open files"));
  CHECK(is_refused(next));
  CHECK(get(scene.first, "/").status == 200);
  REQUIRE(::prlimit(scene.master->pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  scene.reload_well_with(listen_at({scene.first, next}));
  CHECK(get(next, "/").status == 200);
}

TEST_CASE("TLS begins, and ends, with a reload") {
  Scene scene;
  const CertificatePair site(scene.dir, "site");
  const auto secure = free_address();
  const auto with_tls = [&](const std::vector<std::string>& plain) {
    return listen_at(plain) +
           fmt::format("listen-tls = [\"{}\"]\ntls = [\"{}\"]\n", secure, site.flag());
  };
  const auto status = [&] {
    return run({"curl", "-sS", "--max-time", "20", "--ipv4", "--cacert", site.certificate(), "-o",
                "/dev/null", "-w", "%{http_code}",
                "https://localhost" + secure.substr(secure.find(':')) + "/"})
        .output;
  };
  for (int round = 0; round < 2; ++round) {
    scene.reload_well_with(with_tls({scene.first}));
    CHECK(status() == "200");
    CHECK_THAT(get(scene.control, "/v1/certificates").body, Contains("site.pem"));
    CHECK(post(scene.control, "/v1/certificates/reload").status == 200);
    CHECK(post(scene.control, "/v1/ticket-keys/turn").status == 200);
    scene.reload_well_with(listen_at({scene.first}));
    CHECK(is_refused(secure));
    CHECK(post(scene.control, "/v1/certificates/reload").status == 404);
    CHECK(post(scene.control, "/v1/ticket-keys/turn").status == 404);
  }
  // A certificate that cannot be read opens nothing.
  const auto answer = scene.reload_with(
      listen_at({scene.first}) +
      fmt::format("listen-tls = [\"{}\"]\ntls = [\"/absent.pem,/absent.key\"]\n", secure));
  CHECK(answer.status == 409);
  CHECK(is_refused(secure));
  // Clients without TLS are sent to where it is now.
  scene.reload_well_with("redirect-to-https = true\n" + with_tls({scene.first}));
  CHECK_THAT(get(scene.first, "/").header("Location"), Contains(secure.substr(secure.find(':'))));
}

TEST_CASE(
    "reloads that come at once leave one of the addresses, which status and config agree on") {
  Scene scene;
  std::vector<std::string> addresses{scene.first, free_address(), free_address()};
  for (int round = 1; round < 10; ++round) {
    replace(scene.dir, scene.file, listen_at({addresses[round % 3]}));
    scene.master->signal(SIGHUP);
    std::thread other([&] { post(scene.control, "/v1/reload"); });
    const auto told = post(scene.control, "/v1/reload");
    other.join();
    INFO(told.body);
    CHECK(told.status == 200);
    CHECK(get(addresses[round % 3], "/").status == 200);
    CHECK(is_refused(addresses[(round + 1) % 3]));
    CHECK(is_refused(addresses[(round + 2) % 3]));
    CHECK(eventually([&] { return scene.status_listen() == addresses[round % 3]; }));
  }
}

TEST_CASE("a standby passes requests on to where its primary has gone, and none fails") {
  Pair pair;
  const auto primary = await_leader(pair.control);
  const auto standby = primary == "a" ? "b" : "a";
  Load load(pair.listen[standby], 3);
  for (int round = 0; round < 4; ++round) {
    REQUIRE(load.await_more(20));
    const auto next = free_address();
    REQUIRE(pair.reload_with(primary, next).status == 200);
    CHECK(eventually([&] {
      return is_in(next, get(pair.control[standby], "/v1/masters").body) &&
             is_in(next, get(pair.control[primary], "/v1/masters").body);
    }));
  }
  REQUIRE(load.await_more(20));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("the address where masters pass requests on moves, and none fails") {
  Pair pair(Pair::Inner::each);
  const auto primary = await_leader(pair.control);
  const auto standby = primary == "a" ? "b" : "a";
  const auto listen = listen_at({pair.listen[primary]});
  Load load(pair.listen[standby], 3);
  std::string before;
  for (int round = 0; round < 4; ++round) {
    REQUIRE(load.await_more(20));
    const auto next = free_address();
    const auto told = pair.reload_with_text(primary, listen + inner_at(next));
    INFO(told.body);
    REQUIRE(told.status == 200);
    CHECK(json::parse(told.body)["refused"].empty());
    CHECK(eventually([&] {
      return is_in("\"inner\":\"" + next + "\"", get(pair.control[standby], "/status").body) &&
             is_in("\"inner\":\"" + next + "\"", get(pair.control[primary], "/status").body);
    }));
    CHECK(get(next, "/").status == 503);  // for masters alone
    CHECK((before.empty() || is_refused(before)));
    before = next;
  }
  const auto told = pair.reload_with_text(primary, listen);
  REQUIRE(told.status == 200);
  CHECK(is_in("goes with a restart alone", told.body));
  CHECK(get(before, "/").status == 503);
  REQUIRE(load.await_more(20));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("addresses that change during switchovers are served by both masters") {
  Pair pair;
  const auto kept = pair.listen;
  Load load(kept.at("a"), 2);
  for (int round = 0; round < 4; ++round) {
    REQUIRE(load.await_more(10));
    const auto leads = await_leader(pair.control);
    const auto next = free_address();
    std::thread moving([&] { post(pair.control[leads], "/v1/switchover"); });
    const auto told = pair.reload_with("b", next);
    moving.join();
    INFO(told.body);
    CHECK(told.status == 200);
    CHECK(get(next, "/").status == 200);
    CHECK(eventually([&] {
      return is_in(next, get(pair.control["a"], "/v1/masters").body) &&
             is_in(next, get(pair.control["b"], "/v1/masters").body);
    }));
  }
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

}  // namespace tandem::e2e::reload_addresses_test
