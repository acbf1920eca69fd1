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
  enum class Answers {
    all,
    none_to_changes,
    nonsense,
    too_much,
    leases_have_ended,
    full,            // etcd has no room for changes
    full_with_this,  // it has done the change, and there is no room for another one
    unreadable,      // whoever asks may not read
    no_watches       // they are cancelled at once
  };

  explicit Doubtful(const EtcdServer& etcd)
      : etcd_(etcd), origin_([this](auto& origin, auto& socket) { serve(origin, socket); }) {}

  std::string address() const { return fmt::format("127.0.0.1:{}", origin_.port()); }
  void answer(Answers answers) { answers_ = answers; }
  unsigned lost() const { return lost_; }
  unsigned watches() const { return watches_; }

 private:
  void serve(test::Origin& origin, test::RawSocket& socket) {
    const auto request = origin.receive(socket);
    const auto line = request.start_line();
    const auto path = line.substr(line.find("/v3/") + 4, line.rfind(' ') - line.find("/v3/") - 4);
    const auto answers = answers_.load();
    if (path == "watch") {
      ++watches_;
      if (answers == Answers::no_watches) return socket.send(test::ok(cancelled));
      (void)socket.stays_silent(200);  // never a word
      return;
    }
    const bool is_write = path == "kv/txn" && is_in("request_put", request.body);
    if (answers == Answers::full && is_write) return refuse(socket, "database space exceeded");
    if (answers == Answers::unreadable && path == "kv/txn")
      return refuse(socket, "permission denied");
    const auto answer = etcd_.ask(path, request.body);
    const bool is_change =
        path == "kv/txn" && is_in("request_put", request.body) &&
        is_in(master::to_base64("/tandem/conformance/changes/").substr(0, 36), request.body);
    if (answers == Answers::none_to_changes && is_change) {
      ++lost_;
      return;  // etcd has done it
    }
    if (answers == Answers::full_with_this && is_change) {
      ++lost_;
      return refuse(socket, "database space exceeded");
    }
    if (answers == Answers::nonsense) return socket.send(test::ok("{\"header\":[]}"));
    if (answers == Answers::too_much) return send_too_much(socket);
    if (answers == Answers::leases_have_ended && path == "lease/keepalive") {
      return socket.send(test::ok(R"({"result":{"header":{"revision":"9"},"ID":"4711"}})"));
    }
    socket.send(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", answer.status,
                            answer.body.size(), answer.body));
  }
  static void refuse(test::RawSocket& socket, const std::string& why) {
    const auto body = fmt::format(R"({{"error":"etcdserver: {}"}})", why);
    socket.send(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}",
                            is_in("space", why) ? 429 : 403, body.size(), body));
  }
  static void send_too_much(test::RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    const std::string piece(1024 * 1024, 'x');
    for (int i = 0; i < 32; ++i) socket.send(piece);
  }

  static constexpr auto cancelled =
      "{\"result\":{\"header\":{},\"created\":true,\"canceled\":true}}\n";

  const EtcdServer& etcd_;
  std::atomic<unsigned> watches_{0};
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

TEST_CASE("a change that etcd refuses is refused with its reason, and so are further ones") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  doubtful.answer(Answers::full);
  member.propose(1);
  REQUIRE(member.await([&] { return member.refused_.size() == 1; }));
  CHECK(is_in("database space exceeded", member.refused_.front().error.message));
  CHECK(is_in("nothing was changed", member.refused_.front().error.message));
  CHECK(is_in("database space exceeded", member.view_.failure));
  CHECK_FALSE(member.view_.is_protected);
  member.propose(2);
  CHECK(member.refused_.size() == 2);
  CHECK(member.until_ > now());                  // it serves on
  member.coordination_->step(core::HandOver{});  // nobody could take the lead
  doubtful.answer(Answers::all);
  REQUIRE(member.await([&] { return member.view_.failure.empty(); }));
  CHECK(member.leads());
  member.propose(3);
  REQUIRE(member.await([&] { return member.commands() == std::vector<std::uint64_t>{3}; }));
  CHECK(member.refused_.size() == 2);
}

TEST_CASE("a change that filled etcd up was made, though etcd refuses it") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  doubtful.answer(Answers::full_with_this);
  member.propose(1);
  REQUIRE(member.await([&] { return member.commands() == std::vector<std::uint64_t>{1}; }));
  CHECK(member.refused_.empty());
  CHECK(eventually([&] { return doubtful.lost() > 0; }));
}

TEST_CASE("a master that may not read etcd says so, and one that leads serves on") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  const bool leads = GENERATE(false, true);
  if (!leads) doubtful.answer(Answers::unreadable);
  Member member(By::etcd, doubtful.address());
  member.start();
  if (leads) REQUIRE(member.await([&] { return member.until_ > now(); }));
  doubtful.answer(Answers::unreadable);
  REQUIRE(member.await([&] { return is_in("permission denied", member.view_.failure); }));
  REQUIRE(member.view_.coordinator);
  CHECK_FALSE(member.view_.coordinator->unreached_since);
  CHECK(is_in("permission denied", member.view_.coordinator->why));
  CHECK(member.leads() == leads);
  const auto until = member.until_;
  if (leads) REQUIRE(member.await([&] { return member.until_ > until; }));
  doubtful.answer(Answers::all);
  REQUIRE(member.await([&] { return member.view_.failure.empty() && member.until_ > now(); }));
}

TEST_CASE("a master whose watches are cancelled or silent takes what others have changed") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Doubtful doubtful(etcd);
  doubtful.answer(GENERATE(Answers::all, Answers::no_watches));
  etcd.put("/tandem/conformance/cluster", R"({"id":4711})");
  etcd.put("/tandem/conformance/leader", R"({"node":"b"})");
  Member member(By::etcd, doubtful.address());
  member.start();
  REQUIRE(member.await([&] { return doubtful.watches() > 1; }));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    etcd.put(fmt::format("/tandem/conformance/changes/{:020}", i),
             fmt::format(R"({{"term":2,"node":"b","client":1,"sequence":{},"change":{{}}}})", i));
    // A history that was compacted away is none that is needed.
    const auto compacted = etcd.ask("kv/compaction", R"({"revision":"2","physical":true})");
    CHECK((i > 1 || compacted.status == 200));
    REQUIRE(member.await([&] { return member.commands().size() == i; }));
  }
  CHECK(member.role_.primary.node == core::NodeId("b"));
}

TEST_CASE("a master says that another one takes part under its name, and where") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  etcd.put("/tandem/conformance/masters/a",
           R"({"node":"a","control":"10.9.8.7:7070","pass":"","features":9,"version":"1"})");
  Member member(By::etcd, etcd.address());
  member.start();
  REQUIRE(member.await([&] { return is_in("10.9.8.7:7070", member.view_.failure); }));
  CHECK(is_in("another master takes part under the name a", member.view_.failure));
  CHECK_FALSE(member.leads());
  etcd.remove("/tandem/conformance/masters/a");
  REQUIRE(member.await([&] { return member.view_.failure.empty() && member.until_ > now(); }));
}

TEST_CASE("a leader of an etcd that has lost everything serves on until another one leads there") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  Member member(By::etcd, etcd.address());
  member.start();
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  member.propose(1);
  REQUIRE(member.await([&] { return member.commands().size() == 1; }));
  const bool is_deleted = GENERATE(false, true);
  if (is_deleted) {
    REQUIRE(etcd.ask("kv/deleterange", etcd.range_of("/tandem/conformance/")).status == 200);
  } else {
    etcd.process().kill9();
    etcd.start_empty();
  }
  REQUIRE(member.await([&] { return is_in("etcd has lost what it held", member.view_.failure); }));
  // Beyond the end of the lease with which it led.
  const auto until = member.until_ + std::chrono::seconds(3);
  REQUIRE(member.await([&] { return member.until_ > until; }));
  CHECK(member.leads());
  member.propose(2);
  CHECK(member.refused_.size() == 1);
  etcd.put("/tandem/conformance/cluster", R"({"id":4711})");
  etcd.put("/tandem/conformance/masters/b",
           R"({"node":"b","control":"10.9.8.7:7070","pass":"","features":9,"version":"1"})");
  etcd.put("/tandem/conformance/leader", R"({"node":"b"})");
  REQUIRE(member.await([&] { return !member.leads(); }));
  CHECK(member.until_ <= now());
  CHECK(member.role_.primary.node == core::NodeId("b"));
  CHECK(member.commands().size() == 1);
}

}  // namespace tandem::e2e::coordination_doubt_test
