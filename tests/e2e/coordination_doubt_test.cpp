// A master before an etcd whose answers are lost, odd, too long, or say that the lease has ended.
#include <atomic>
#include <optional>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/coordination_member.hpp"
#include "tests/e2e/etcd_server.hpp"
#include "tests/gateway/origin.hpp"

namespace tandem::e2e::coordination_doubt_test {
namespace {

// Stands before a real etcd.
class Doubtful {
 public:
  enum class Answers { all, none_to_changes, nonsense, too_much, leases_have_ended };

  explicit Doubtful(const EtcdServer& etcd)
      : etcd_(etcd), origin_([this](auto& origin, auto& socket) { serve(origin, socket); }) {}

  std::string address() const { return fmt::format("127.0.0.1:{}", origin_.port()); }
  void answer(Answers answers) { answers_ = answers; }
  unsigned lost() const { return lost_; }

 private:
  void serve(test::Origin& origin, test::RawSocket& socket) {
    const auto request = origin.receive(socket);
    const auto line = request.start_line();
    const auto path = line.substr(line.find("/v3/") + 4, line.rfind(' ') - line.find("/v3/") - 4);
    const auto answers = answers_.load();
    if (path == "watch") {  // never a word
      (void)socket.stays_silent(200);
      return;
    }
    const auto answer = etcd_.ask(path, request.body);
    const bool is_change =
        path == "kv/txn" && is_in("request_put", request.body) &&
        is_in(master::to_base64("/tandem/conformance/changes/").substr(0, 36), request.body);
    if (answers == Answers::none_to_changes && is_change) {
      ++lost_;
      return;  // etcd has done it
    }
    if (answers == Answers::nonsense) return socket.send(test::ok("{\"header\":[]}"));
    if (answers == Answers::too_much) return send_too_much(socket);
    if (answers == Answers::leases_have_ended && path == "lease/keepalive") {
      return socket.send(test::ok(R"({"result":{"header":{"revision":"9"},"ID":"4711"}})"));
    }
    socket.send(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", answer.status,
                            answer.body.size(), answer.body));
  }
  static void send_too_much(test::RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    const std::string piece(1024 * 1024, 'x');
    for (int i = 0; i < 32; ++i) socket.send(piece);
  }

  const EtcdServer& etcd_;
  std::atomic<Answers> answers_{Answers::all};
  std::atomic<unsigned> lost_{0};
  test::Origin origin_;
};

using Answers = Doubtful::Answers;

}  // namespace

TEST_CASE("a change whose answer was lost is looked up, and is there once") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  doubtful.answer(Answers::none_to_changes);
  for (std::uint64_t i = 1; i <= 20; ++i) member.propose(i);
  REQUIRE(member.await([&] { return member.commands().size() == 20; }));
  CHECK(eventually([&] { return doubtful.lost() > 0; }));
  const auto commands = member.commands();
  for (std::size_t i = 0; i < commands.size(); ++i) CHECK(commands[i] == i + 1);
  CHECK(member.refused_.empty());
  CHECK(etcd.count("/tandem/conformance/changes/") == 21);
}

TEST_CASE("a leader that is told that its lease has ended shuts its gate, and leads anew") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  const auto term = member.role_.term;
  doubtful.answer(Answers::leases_have_ended);
  REQUIRE(member.await([&] { return member.until_ <= now() && !member.leads(); }));
  member.propose(1);
  CHECK(member.refused_.size() == 1);
  doubtful.answer(Answers::all);
  REQUIRE(member.await([&] { return member.leads() && member.until_ > now(); }));
  CHECK(member.role_.term > term);
}

TEST_CASE("a leader whose etcd answers nonsense serves on, and refuses changes") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  const auto answers = GENERATE(Answers::nonsense, Answers::too_much);
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  doubtful.answer(answers);
  std::uint64_t sequence = 0;
  REQUIRE(member.await([&] {
    if (member.refused_.empty()) member.propose(++sequence);
    return !member.refused_.empty();
  }));
  CHECK(is_in("etcd cannot be reached since", member.refused_.front().error.message));
  CHECK(member.until_ > now());
  doubtful.answer(Answers::all);
  REQUIRE(member.await([&] {
    const auto done = member.commands();
    if (done.empty() || done.back() != sequence) member.propose(++sequence);
    return !done.empty() && done.back() > 1;
  }));
}

}  // namespace tandem::e2e::coordination_doubt_test
