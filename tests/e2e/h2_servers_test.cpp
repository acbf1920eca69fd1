// Servers of HTTP/2 that others have written, as workers: nginx, HAProxy, nghttpd and hypercorn, by
// prior knowledge. Each is started with a configuration that makes its peculiarities show often:
// few streams at once, connections that end after few requests, or after a moment without any.
#include <csignal>
#include <filesystem>
#include <optional>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/h2_caller.hpp"
#include "tests/e2e/harness/streams_load.hpp"

namespace tandem::e2e::h2_servers_test {
namespace {

constexpr std::size_t short_bytes = 100;
constexpr std::size_t long_bytes = 500'000;
constexpr std::uint64_t some_calls = 300;

std::string digits(std::size_t size) {
  std::string text(size, '0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('0' + i % 10);
  return text;
}

// What a server of files serves.
std::string write_files(const TempDir& dir, const std::string& name) {
  const auto folder = dir.path(name);
  std::filesystem::create_directory(folder);
  dir.write(name + "/short", digits(short_bytes));
  dir.write(name + "/long", digits(long_bytes));
  return folder;
}

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

bool is_missing(const std::string& name) {
  if (installed(name)) return false;
  WARN("skipped: " << name << " is not installed (scripts/install-packages.sh servers)");
  return true;
}

// One of these servers, on a port that it had before, if any.
class Server {
 public:
  Server(const TempDir& dir, std::string name) : dir_(dir), name_(std::move(name)) {}

  const std::string& address() const { return address_; }
  std::string port() const { return port_of(address_); }
  Process& process() { return *process_; }

  void run(const Arguments& command) {
    command_ = command;
    start();
  }
  // REQUIRES: it has ended
  void start() {
    process_.reset();
    process_.emplace(dir_, fmt::format("{}-{}", name_, ++starts_), command_);
  }

 private:
  const TempDir& dir_;
  const std::string name_;
  const std::string address_ = free_address();
  Arguments command_;
  int starts_ = 0;
  std::optional<Process> process_;
};

// ---- what each is started as

// GET /short, /long, /none; PUT anywhere.
void run_nginx(Server& server, const TempDir& dir, const std::string& name, bool speaks_h2 = true) {
  const auto files = write_files(dir, name + ".files");
  const auto text = fmt::format(
      R"({user}
worker_processes 1;
daemon off;
pid {files}.pid;
worker_shutdown_timeout 10s;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {files}.body;
    proxy_temp_path {files}.proxy;
    fastcgi_temp_path {files}.fastcgi;
    uwsgi_temp_path {files}.uwsgi;
    scgi_temp_path {files}.scgi;
    default_type application/octet-stream;
    client_max_body_size 10m;
    keepalive_requests 50;
    keepalive_timeout 1s;
    http2_max_concurrent_streams 5;
    server {{
        listen {address}{http2};
        root {files};
        dav_methods PUT;
    }}
}}
)",
      fmt::arg("user", geteuid() == 0 ? "user root;" : ""), fmt::arg("files", files),
      fmt::arg("address", server.address()), fmt::arg("http2", speaks_h2 ? " http2" : ""));
  server.run({*installed("nginx"), "-e", "stderr", "-p", dir.path(""), "-c",
              dir.write(name + ".conf", text)});
}

// In front of a worker of HTTP/1, a demo (worker/program/demo_routes.hpp).
void run_haproxy(Server& server, const TempDir& dir, const std::string& name,
                 const std::string& demo) {
  const auto text = fmt::format(R"(
global
    tune.h2.max-concurrent-streams 5
    hard-stop-after 10s
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout http-keep-alive 1s
    retries 3
    option redispatch
frontend h2c
    bind {} proto h2
    default_backend demo
backend demo
    server demo {} maxconn 8
)",
                                server.address(), demo);
  server.run({*installed("haproxy"), "-W", "-db", "-f", dir.write(name + ".cfg", text)});
}

// GET /short, /long; every answer has a trailer.
void run_nghttpd(Server& server, const TempDir& dir, const std::string& name) {
  const auto files = write_files(dir, name + ".files");
  server.run({*installed("nghttpd"), "--no-tls", "--address=127.0.0.1",
              "--max-concurrent-streams=5", "--echo-upload", "--trailer=x-checksum: 42", "-d",
              files, server.port()});
}

constexpr auto asgi_application = R"(
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    size = {"/short": 100, "/long": 500000}.get(scope["path"])
    content = body if size is None else (b"0123456789" * (size // 10))
    status = 404 if scope["path"] == "/none" else 200
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-length", str(len(content)).encode())]})
    if scope["method"] != "HEAD":
        for at in range(0, len(content), 65536):
            part = content[at:at + 65536]
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
)";

// GET /short, /long, /none; anything else is echoed. Told to end, it may wait in vain for a
// connection that its peer has closed long ago, and gives that up after the time it is given here:
// more than the requests under way need, less than a test waits for its end.
void run_hypercorn(Server& server, const TempDir& dir) {
  dir.write("application.py", asgi_application);
  server.run({"env", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=" + dir.path(""), "/usr/bin/python3",
              "-m", "hypercorn", "--graceful-timeout", "10", "-b", server.address(),
              "application:application"});
}

// ---- what is asked of them

Arguments backends(const std::vector<std::string>& addresses) {
  Arguments arguments;
  for (const auto* setting :
       {"protocol=http2", "check_interval=100ms", "check_timeout=10s", "attempts=6"}) {
    arguments.insert(arguments.end(), {"--service", fmt::format("default:{}", setting)});
  }
  for (const auto& address : addresses) {
    arguments.insert(arguments.end(), {"--backend", address});
  }
  return arguments;
}

// A backend is named by its address.
bool await_backend(const Cluster& cluster, const Server& server, const std::string& state) {
  return cluster.await_state("127.0.0.1-" + server.port(), state);
}

bool await_answer(const Cluster& cluster, const std::string& path) {
  return eventually([&] { return get(cluster.listen(), path).status == 200; });
}

struct Paths {
  std::string of_short = "/short";
  std::string of_long = "/long";
  std::string missing = "/none";  // 404
  std::string echo;               // of POST and PUT; empty: there is none
};

// A client of each protocol is served as one expects, again and again.
template <class AnyClient>
void ask(AnyClient& client, const std::string& listen, const Paths& paths) {
  for (int i = 0; i < 60; ++i) {
    const auto answer = client.send("GET", paths.of_short, "", {});
    REQUIRE(answer.status == 200);
    REQUIRE(answer.body.size() == short_bytes);
  }
  const auto whole = client.send("GET", paths.of_long, "", {});
  CHECK(whole.status == 200);
  CHECK(whole.body.size() == long_bytes);
  const auto head = client.send("HEAD", paths.of_long, "", {});
  CHECK(head.status == 200);
  CHECK(head.header("Content-Length") == std::to_string(long_bytes));
  CHECK(head.body.empty());
  CHECK(client.send("GET", paths.missing, "", {}).status == 404);
  if (paths.echo.empty()) return;
  for (const std::size_t size : {0, 1, 70'000, 1'000'000}) {
    const auto echoed = client.send("POST", paths.echo, digits(size), {});
    CHECK(echoed.status == 200);
    CHECK((echoed.body == digits(size)));
  }
  const TempDir dir;
  const auto expects =
      run({"curl", "-sS", "--max-time", "20", "-H", "Expect: 100-continue", "-H",
           "Content-Type: application/octet-stream", "--data-binary",
           "@" + dir.write("body", digits(200'000)), "http://" + listen + paths.echo});
  CHECK((expects.output == digits(200'000)));
}

void serves_as_usual(const Cluster& cluster, const Paths& paths) {
  REQUIRE(await_answer(cluster, paths.of_short));
  Client http1(cluster.listen());
  ask(http1, cluster.listen(), paths);
  H2Caller http2(cluster.listen());
  ask(http2, cluster.listen(), paths);
  // More at once than the servers take on a connection.
  StreamsLoad load({.addresses = {cluster.listen()},
                    .requests = {{"GET", paths.of_short, "", ""}, {"GET", paths.of_long, "", ""}}});
  CHECK(load.await_more(some_calls));
  load.stop();
  CHECK(load.failures() == "");
}

// Calls that may be repeated, all the time.
StreamsLoadOptions idempotent(const Cluster& cluster, const Paths& paths) {
  return {.addresses = {cluster.listen()}, .requests = {{"GET", paths.of_short, "", ""}}};
}

}  // namespace

TEST_CASE("nginx is a worker of HTTP/2, and reloads under load without a failed call") {
  if (is_missing("nginx")) return;
  TempDir dir;
  Server server(dir, "nginx");
  run_nginx(server, dir, "n1");
  Cluster cluster(backends({server.address()}));
  serves_as_usual(cluster, {});
  const auto put = run({"curl", "-sS", "-w", "%{http_code}", "-T", dir.path("n1.files/long"),
                        "http://" + cluster.listen() + "/new"});
  CHECK(put.output == "201");
  CHECK((get(cluster.listen(), "/new").body == digits(long_bytes)));
  CHECK(post(cluster.listen(), "/short", "x").status == 405);
  auto options = idempotent(cluster, {});
  options.requests.push_back({"GET", "/long", "", digits(long_bytes)});
  StreamsLoad load(options);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(load.await_more(some_calls));
    server.process().signal(SIGHUP);
  }
  CHECK(load.await_more(some_calls));
  load.stop();
  CHECK(load.failures() == "");
}

TEST_CASE("HAProxy is a worker of HTTP/2, and reloads under load without a failed call") {
  if (is_missing("haproxy")) return;
  TempDir dir;
  Cluster demos;
  demos.start_worker("demo");
  REQUIRE(demos.await_state("demo", "up"));
  Server server(dir, "haproxy");
  run_haproxy(server, dir, "h1", demos.workers().at("demo").address);
  Cluster cluster(backends({server.address()}));
  const Paths paths{.of_short = "/bytes/100",
                    .of_long = "/bytes/500000",
                    .missing = "/status/404",
                    .echo = "/echo"};
  serves_as_usual(cluster, paths);
  CHECK(get(cluster.listen(), "/status/500").status == 500);
  StreamsLoad load(idempotent(cluster, paths));
  for (int i = 0; i < 4; ++i) {
    REQUIRE(load.await_more(some_calls));
    server.process().signal(SIGUSR2);
  }
  CHECK(load.await_more(some_calls));
  load.stop();
  CHECK(load.failures() == "");
}

TEST_CASE(
    "nghttpd is a worker of HTTP/2, with trailers, and may be killed where there is another") {
  if (is_missing("nghttpd")) return;
  TempDir dir;
  Server one(dir, "nghttpd-1");
  Server two(dir, "nghttpd-2");
  run_nghttpd(one, dir, "t1");
  run_nghttpd(two, dir, "t2");
  Cluster cluster(backends({one.address(), two.address()}));
  serves_as_usual(cluster, {.echo = "/echo"});
  const auto nghttp = run({"nghttp", "-nv", "http://" + cluster.listen() + "/short"});
  CHECK_THAT(nghttp.output, Catch::Contains("x-checksum: 42"));
  StreamsLoad load(idempotent(cluster, {}));
  for (auto* server : {&one, &two, &one}) {
    REQUIRE(load.await_more(some_calls));
    server->process().kill9();
    CHECK(load.await_more(some_calls));
    server->start();
    REQUIRE(await_backend(cluster, *server, "up"));
  }
  load.stop();
  CHECK(load.failures() == "");
}

TEST_CASE("hypercorn is a worker of HTTP/2, and may be restarted where there is another") {
  if (is_missing("hypercorn")) return;
  TempDir dir;
  Server one(dir, "hypercorn-1");
  Server two(dir, "hypercorn-2");
  run_hypercorn(one, dir);
  run_hypercorn(two, dir);
  Cluster cluster(backends({one.address(), two.address()}));
  serves_as_usual(cluster, {.echo = "/echo"});
  StreamsLoad load(idempotent(cluster, {}));
  for (auto* server : {&one, &two}) {
    REQUIRE(load.await_more(some_calls));
    server->process().terminate();
    REQUIRE(server->process().await_exit());
    CHECK(load.await_more(some_calls));
    server->start();
    REQUIRE(await_backend(cluster, *server, "up"));
  }
  load.stop();
  CHECK(load.failures() == "");
}

TEST_CASE("a server that does not speak HTTP/2 where it should is down, and the master says why") {
  if (is_missing("nginx")) return;
  TempDir dir;
  Server server(dir, "nginx");
  run_nginx(server, dir, "n1", /*speaks_h2=*/false);
  Cluster cluster(backends({server.address()}));
  // A backend that was not probed yet is down as well.
  CHECK(eventually([&] {
    return get(cluster.control(), "/v1/workers").body.find("not in HTTP/2") != std::string::npos;
  }));
  CHECK(await_backend(cluster, server, "down"));
  CHECK(get(cluster.listen(), "/short").status == 503);
}

}  // namespace tandem::e2e::h2_servers_test
