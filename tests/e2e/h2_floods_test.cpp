// Clients of HTTP/2 that do what helps nobody, to a real master: each is told to go away and then
// cut off, the master's memory stays bounded, and nobody else notices.
#include <sys/socket.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/gateway/h2_client.hpp"
#include "tests/gateway/table.hpp"

namespace tandem::e2e::h2_floods_test {

using namespace std::string_literals;
using tandem::test::each_row_is_a_case;
using tandem::test::H2Client;
using tandem::test::RawSocket;
namespace h2 = tandem::test::h2;

namespace {

// Memory under the sanitizers says nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_counts = false;
#else
constexpr bool memory_counts = true;
#endif

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

// In KiB, a line of /proc/PID/status: VmRSS, or VmHWM, the most of it so far.
std::size_t memory_kib(Process& process, const std::string& line) {
  std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
  for (std::string text; std::getline(status, text);) {
    if (text.starts_with(line + ":")) return std::stoul(text.substr(line.size() + 1));
  }
  throw std::runtime_error("no " + line);
}

// A master with one loop and a worker, once requests are answered.
struct Served : Cluster {
  explicit Served(Arguments arguments = {}) : Cluster(with_one_loop(std::move(arguments))) {
    start_workers({"w1"});
    REQUIRE(eventually([&] { return get(listen(), "/").status == 200; }));
  }

 private:
  static Arguments with_one_loop(Arguments arguments) {
    arguments.insert(arguments.end(), {"--threads", "1"});
    return arguments;
  }
};

// Ask again and again, on both protocols, until they are ended; on a connection for each request,
// so that none is closed for being idle while this machine is busy with something else.
class Others {
 public:
  explicit Others(const std::string& address)
      : over_http1_([this, address] {
          ask([&] {
            const auto answer = get(address, "/");
            return answer.status == 200
                       ? ""
                       : fmt::format("{} {}{}", answer.status, answer.error, answer.body);
          });
        }),
        over_http2_([this, address] {
          ask([&] {
            const auto answer = H2Client(port_of(address)).get("/");
            return answer.status() == 200 ? ""
                                          : fmt::format("{} reset {}{}", answer.status(),
                                                        answer.reset.value_or(0), answer.body);
          });
        }) {}
  ~Others() { end(); }
  void end() {
    ending_ = true;
    for (auto* thread : {&over_http1_, &over_http2_}) {
      if (thread->joinable()) thread->join();
    }
  }
  unsigned served() const { return served_; }
  // What went wrong first; empty: nothing.
  std::string failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  // `get` says what went wrong.
  void ask(const std::function<std::string()>& get) {
    try {
      while (!ending_) {
        const auto trouble = get();
        if (!trouble.empty()) return fail(trouble);
        ++served_;
      }
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
  void fail(const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = why;
  }

  std::atomic<bool> ending_{false};
  std::atomic<unsigned> served_{0};
  mutable std::mutex mutex_;
  std::string failure_;
  std::thread over_http1_, over_http2_;
};

struct Flood {
  std::string why;
  std::string beginning;                        // behind the preface and SETTINGS
  std::function<std::string(unsigned)> frames;  // of round 0, 1, 2, ...
  bool is_warned = true;                        // it is told to go away some time before the end
  h2::Code code = h2::enhance_your_calm;
};

// One connection that does so.
class Attacker {
 public:
  Attacker(std::uint16_t port, const Flood& flood)
      : flood_(flood), socket_(RawSocket::connect(port)) {
    socket_.send(std::string(h2::preface) + h2::settings() + flood.beginning);
  }
  // False: it was cut off.
  bool go_on() {
    if (!socket_.try_send(flood_.frames(round_++)) || !take_what_came()) return false;
    if (goaways_.empty()) ++rounds_before_goaway_;
    return true;
  }
  unsigned rounds() const { return round_; }
  unsigned rounds_before_goaway() const { return rounds_before_goaway_; }
  const std::vector<std::uint32_t>& goaways() const { return goaways_; }

 private:
  // False: it was the end.
  bool take_what_came() {
    char bytes[16 * 1024];
    for (;;) {
      const auto got = ::recv(socket_.descriptor(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
      if (got == 0) return false;
      arrived_.append(bytes, static_cast<std::size_t>(got));
      for (const auto& frame : h2::take_frames(arrived_)) {
        if (frame.type == h2::goaway_type) goaways_.push_back(frame.number(4));
      }
    }
  }

  const Flood& flood_;
  RawSocket socket_;
  std::string arrived_;
  std::vector<std::uint32_t> goaways_;
  unsigned round_ = 0;
  unsigned rounds_before_goaway_ = 0;
};

constexpr unsigned attackers_max = 20;
constexpr unsigned rounds_max = 50'000;
// What a hundred requests at once of each of them may need.
constexpr std::size_t flood_kib_max = attackers_max * 100 * 32;

// Twenty at once, until all of them are cut off.
void check_flood(const Flood& flood) {
  Served cluster;
  const auto port = port_of(cluster.listen());
  const auto before = memory_kib(cluster.master(), "VmRSS");
  Others others(cluster.listen());
  std::vector<std::unique_ptr<Attacker>> attackers;
  for (unsigned i = 0; i < attackers_max; ++i) {
    attackers.push_back(std::make_unique<Attacker>(port, flood));
  }
  std::vector<std::unique_ptr<Attacker>> cut;
  for (unsigned round = 0; round < rounds_max && !attackers.empty(); ++round) {
    for (auto& attacker : attackers) {
      if (!attacker->go_on()) cut.push_back(std::move(attacker));
    }
    std::erase(attackers, nullptr);
  }
  CHECK(attackers.empty());
  for (const auto& attacker : cut) {
    // What it was told may be lost to the reset, where it went on sending.
    for (const auto code : attacker->goaways()) CHECK(code == flood.code);
    if (!flood.is_warned) continue;
    REQUIRE_FALSE(attacker->goaways().empty());
    // When that is, the pure tests say: here it sends faster than it is read.
    CHECK(attacker->rounds_before_goaway() < attacker->rounds());
  }
  const auto served = others.served();
  CHECK(eventually([&] { return others.served() > served + 10; }));
  others.end();
  CHECK(others.failure() == "");
  if (memory_counts) CHECK(memory_kib(cluster.master(), "VmHWM") < before + flood_kib_max);
  CHECK(cluster.state_of("w1") == "up");
}

std::int32_t nth(unsigned round) { return static_cast<std::int32_t>(2 * round + 1); }
const auto get_block = h2::block(h2::get());
const auto post_block = h2::block(h2::post());

// A field of 4,000 bytes, put into the table and then named by one byte each.
std::string bomb(unsigned round, unsigned names) {
  return h2::headers(nth(round),
                     (round == 0 ? h2::indexed_literal("x", std::string(4'000, 'x')) : "") +
                         std::string(names, '\xbe'),
                     h2::end_stream);
}

[[maybe_unused]] const bool floods = each_row_is_a_case<Flood>(
    "a flood of HTTP/2 is cut off, and nobody else notices",
    {
        {"requests that are reset at once (CVE-2023-44487)", "",
         [](unsigned i) {
           return h2::headers(nth(i), get_block, h2::end_stream) +
                  h2::rst_stream(nth(i), h2::cancel);
         }},
        {"requests that are reset a little later", "",
         [](unsigned i) {
           const auto request =
               h2::headers(nth(i), h2::block(h2::get_with(":path", "/slow?ms=9")), h2::end_stream);
           return i == 0 ? request : request + h2::rst_stream(nth(i - 1), h2::cancel);
         }},
        {"content beyond its length (CVE-2025-8671)", "",
         [](unsigned i) {
           return h2::headers(nth(i), h2::block(h2::post({{"content-length", "0"}}))) +
                  h2::data(nth(i), "x");
         }},
        {"windows that are made too large (CVE-2025-8671)", "",
         [](unsigned i) {
           return h2::headers(nth(i), post_block) + h2::window_update(nth(i), 0x7fffffff);
         }},
        {"malformed requests (CVE-2025-8671)", "",
         [](unsigned i) {
           return h2::headers(nth(i), h2::block(h2::get_with(":path", "x")), h2::end_stream);
         }},
        {"windows that grow by nothing (CVE-2025-8671)", "",
         [](unsigned i) { return h2::headers(nth(i), post_block) + h2::window_update(nth(i), 0); },
         false, h2::protocol_error},
        {"CONTINUATION", h2::open_headers(1, get_block),
         [](unsigned i) {
           return h2::continuation(1, i % 2 == 0 ? "" : h2::block({{"x", "y"}}));
         },
         false},
        {"heads that unpack to megabytes", "", [](unsigned i) { return bomb(i, 12'000); }, false},
        {"SETTINGS", "",
         [](unsigned) {
           return h2::settings({{h2::enable_push, 0}});
         }},
        {"SETTINGS of many entries", "",
         [](unsigned) {
           return h2::settings({{h2::initial_window_size, 0},
                                {h2::initial_window_size, 65'535},
                                {h2::header_table_size, 0},
                                {h2::header_table_size, 4'096}});
         }},
        {"PING", "", [](unsigned) { return h2::ping(); }},
        {"PRIORITY", "", [](unsigned i) { return h2::priority(nth(i % 1'000)); }},
        {"empty DATA", h2::headers(1, post_block), [](unsigned) { return h2::data(1, ""); }},
        {"DATA that is padding alone", h2::headers(1, post_block),
         [](unsigned) { return h2::data(1, "\x02\0\0"s, h2::padded); }},
        {"WINDOW_UPDATE", "", [](unsigned) { return h2::window_update(0, 1); }},
        {"frames of unknown types", "", [](unsigned) { return h2::frame(0xee, 0, 0, "x"); }},
    },
    check_flood, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("heads that unpack to 64 KiB are served or refused, in bounded memory") {
  // They take all places for as long as this machine needs to read them.
  Served cluster({"--service", "default:queue_timeout=10s"});
  const auto before = memory_kib(cluster.master(), "VmRSS");
  Others others(cluster.listen());
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<H2Client>(port_of(cluster.listen())));
    std::string frames;
    for (unsigned round = 0; round < 100; ++round) {
      const auto literal = round == 0 ? h2::indexed_literal("x", std::string(4'000, 'x')) : "";
      frames +=
          h2::headers(nth(round), get_block + literal + std::string(14, '\xbe'), h2::end_stream);
    }
    clients.back()->send(frames);
  }
  for (auto& client : clients) {
    for (unsigned round = 1; round < 100; ++round) {
      const auto status = client->finish(nth(round)).status();
      CHECK((status == 200 || status == 431 || status == 503));
    }
  }
  others.end();
  CHECK(others.failure() == "");
  if (memory_counts) CHECK(memory_kib(cluster.master(), "VmHWM") < before + 160 * 1024);
}

TEST_CASE("requests of HTTP/2 that never end are given up, and nobody else notices") {
  Served cluster({"--idle-timeout", "1s"});
  Others others(cluster.listen());
  H2Client client(port_of(cluster.listen()));
  for (int i = 0; i < 100; ++i) client.ask(h2::post(), false);
  for (int i = 0; i < 100; ++i) CHECK(client.finish(2 * i + 1).status() == 408);
  // None of them stays open: each is reset behind its answer.
  CHECK(eventually([&] { return client.finish(client.ask(h2::get())).status() == 200; }));
  others.end();
  CHECK(others.failure() == "");
}

TEST_CASE("a head of HTTP/2 that never ends is given up although another stream is busy") {
  Served cluster({"--idle-timeout", "1s", "--header-timeout", "1s"});
  H2Client client(port_of(cluster.listen()));
  const auto busy = client.ask(h2::get_with(":path", "/slow?ms=30000"));
  client.await_pong();  // what it has to acknowledge it has
  client.send(h2::open_headers(3, get_block));
  CHECK(client.finish().has_value());
  CHECK(client.answer(busy).head.empty());
}

TEST_CASE("readers of HTTP/2 that give no credit are given up, in bounded memory") {
  Served cluster({"--idle-timeout", "1s"});
  CHECK(get(cluster.listen(), "/bytes/100000").status == 200);
  const auto before = memory_kib(cluster.master(), "VmRSS");
  H2Client client(port_of(cluster.listen()), {{h2::initial_window_size, 1}});
  client.give_credit(false);
  for (int i = 0; i < 100; ++i) client.ask(h2::get_with(":path", "/bytes/1000000000"));
  for (int i = 0; i < 100; ++i) {
    const auto& answer = client.finish(2 * i + 1);
    CHECK(answer.reset.has_value());
    CHECK_FALSE(answer.ended);
  }
  // They held places at the worker, and it has them again.
  CHECK(eventually([&] { return get(cluster.listen(), "/").status == 200; }));
  if (memory_counts) CHECK(memory_kib(cluster.master(), "VmHWM") < before + 16 * 1024);
}

TEST_CASE("a gigabyte before a slow reader of HTTP/2 stays where it is") {
  Served cluster;
  H2Client client(port_of(cluster.listen()));
  CHECK(client.get("/bytes/1000000").body.size() == 1'000'000);
  const auto before = memory_kib(cluster.master(), "VmRSS");
  client.give_credit(false);
  const auto stream = client.ask(h2::get_with(":path", "/bytes/1073741824"));
  std::size_t taken = 0;
  std::size_t most = before;
  for (int i = 0; i < 40; ++i) {
    taken = client.body_of(stream, taken + 30'000).body.size();
    most = std::max(most, memory_kib(cluster.master(), "VmRSS"));
    client.send(h2::window_update(0, 30'000) + h2::window_update(stream, 30'000));
  }
  // What the master does besides in its first seconds may take a megabyte or two.
  if (memory_counts) CHECK(most < before + 4 * 1'024);
  client.send(h2::rst_stream(stream, h2::cancel));
  CHECK(get(cluster.listen(), "/").status == 200);
}

}  // namespace tandem::e2e::h2_floods_test
