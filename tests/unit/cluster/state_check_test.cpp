// What cannot be applied is refused before it is on the disk, and set aside when it is there.
#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/cluster/message_reader.hpp"
#include "common/storage/log_store.hpp"
#include "common/wire/limits.hpp"
#include "tests/unit/cluster/members_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::cluster::state_check_test {

namespace asio = boost::asio;

namespace {

// A state machine that cannot take what begins with "bad", and knows "later" by a later version.
Result<> judge(std::string_view bytes) {
  if (bytes.starts_with("bad")) return invalid("it is bad");
  if (bytes.starts_with("later")) return fail(ErrorCode::conflict, "it is of a later version");
  return {};
}
const StateCheck picky{judge, judge};

Result<wire::ClusterEnvelope> read(const std::string& body, const StateCheck& check) {
  asio::io_context loop{1};
  MessageReader reader(check);
  std::optional<Result<wire::ClusterEnvelope>> envelope;
  const auto await = [&]() -> asio::awaitable<void> {
    auto reading = reader.read(body);
    envelope.emplace(co_await std::move(reading));
  };
  asio::co_spawn(loop, await, asio::detached);
  loop.run();
  return std::move(envelope.value());
}

core::Entry command(std::uint64_t index, std::string bytes) {
  return {LogIndex(index), Term(1), core::Command{{1, index}, std::move(bytes)}};
}

core::SnapshotPointer snapshot(std::string bytes) {
  return std::make_shared<core::Snapshot>(
      core::Snapshot{LogIndex(4), Term(1), {}, std::move(bytes)});
}

std::string envelope(core::MessageBody body) {
  wire::ClusterEnvelope envelope;
  envelope.node = core::NodeId("a");
  envelope.control = {"127.0.0.1", 7070};
  envelope.election_timeout = 500ms;
  envelope.messages.push_back({.cluster = core::ClusterId(1),
                               .from = {core::NodeId("a"), core::IncarnationId(1)},
                               .to = {core::NodeId("b"), core::IncarnationId(2)},
                               .term = Term(1),
                               .body = std::move(body)});
  return wire::to_json(envelope);
}

std::string append_of(std::string bytes) {
  return envelope(core::Append{.previous_index = LogIndex(0),
                               .previous_term = Term(0),
                               .entries = {command(1, "good"), command(2, std::move(bytes))},
                               .commit = LogIndex(0),
                               .sent = Instant(1ns),
                               .in_sync = core::SessionId(0)});
}

std::string install_of(std::string bytes) {
  return envelope(core::InstallSnapshot{
      .snapshot = snapshot(std::move(bytes)), .discard_log = false, .sent = Instant(1ns)});
}

// What the disk of a member holds from an earlier life.
core::IncarnationId keep(const std::filesystem::path& directory, std::string in_snapshot,
                         std::string in_entry) {
  auto store = storage::LogStore::open(directory);
  REQUIRE(store.ok());
  core::Write write;
  write.hard_state = core::HardState{core::ClusterId(1), Term(1), {}};
  write.snapshot = snapshot(std::move(in_snapshot));
  write.append = {command(5, std::move(in_entry))};
  REQUIRE(store->apply({&write, 1}).ok());
  return store->incarnation();
}

ClusterOptions options_at(const std::filesystem::path& directory, bool with_peer) {
  auto options = options_of("b");
  options.directory = directory.string();
  options.check = picky;
  if (with_peer) options.peers[core::NodeId("a")] = {"127.0.0.1", 1};
  return options;
}

}  // namespace

TEST_CASE("a message whose command or snapshot cannot be applied is refused, naming the entry") {
  CHECK(read(append_of("fine"), picky).ok());
  CHECK(read(install_of("fine"), picky).ok());
  const auto entry = read(append_of("bad one"), picky);
  REQUIRE(!entry.ok());
  CHECK(entry.error().message == "entry 2 of term 1 cannot be applied: it is bad");
  const auto installed = read(install_of("bad one"), picky);
  REQUIRE(!installed.ok());
  CHECK(installed.error().message ==
        "the snapshot of the state after entry 4 cannot be used: it is bad");
  CHECK(read(append_of("later"), picky).error().code == ErrorCode::conflict);
}

TEST_CASE("a member that keeps what it cannot read wants JSON objects within their limits") {
  const auto check = documents_alone();
  CHECK(read(install_of(R"({"any": ["thing"]})"), check).ok());
  CHECK(read(install_of(""), check).ok());
  CHECK(!read(install_of(std::string(6'000'000, '[')), check).ok());
  CHECK(!read(install_of("[]"), check).ok());
  CHECK(!read(append_of("x"), check).ok());
}

TEST_CASE("a body of very many small values is given up early") {
  std::string body = R"({"messages":[)";
  while (body.size() + 10 < limits::cluster_body_bytes_max) body += "{},";
  body += "{}]}";
  const auto refused = read(body, picky);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message == "the document has more than 262144 values");
}

TEST_CASE("a long body is read elsewhere, and read the same") {
  const std::string bytes(limits::control_body_bytes_max, 'x');
  const auto whole = read(install_of(bytes), picky);
  REQUIRE(whole.ok());
  const auto& install = std::get<core::InstallSnapshot>(whole->messages.at(0).body);
  CHECK(install.snapshot->bytes == bytes);
  CHECK(!read(install_of("bad" + bytes), picky).ok());
}

TEST_CASE("a log that holds what cannot be applied is set aside where others have the state") {
  for (const auto& [in_snapshot, in_entry] : {std::pair("bad", "good"), std::pair("good", "bad")}) {
    const TemporaryDirectory directory;
    asio::io_context loop{1};
    const auto before = keep(directory.path(), in_snapshot, in_entry);
    ClusterNode node(loop, options_at(directory.path(), true), {});
    const auto opened = node.open();
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened.ok());
    CHECK(node.self().incarnation != before);  // it joins as a new member (R9)
    CHECK(node.stored_snapshot() == nullptr);
    CHECK(std::filesystem::exists(directory.path() / "cluster.db.set-aside"));
  }
}

TEST_CASE("a log that nobody else has, or that a later version wrote, is left as it is") {
  const TemporaryDirectory directory;
  asio::io_context loop{1};
  keep(directory.path(), "good", "bad");
  {
    ClusterNode alone(loop, options_at(directory.path(), false), {});
    const auto opened = alone.open();
    REQUIRE(!opened.ok());
    CHECK(opened.error().code == ErrorCode::invalid);
    CHECK(opened.error().message.find("entry 5 of term 1 cannot be applied") != std::string::npos);
  }
  const TemporaryDirectory other;
  keep(other.path(), "good", "later");
  ClusterNode older(loop, options_at(other.path(), true), {});
  const auto opened = older.open();
  REQUIRE(!opened.ok());
  CHECK(opened.error().message.find("run the version that wrote it") != std::string::npos);
  CHECK(!std::filesystem::exists(other.path() / "cluster.db.set-aside"));
}

TEST_CASE("a member whose owner cannot go on no longer takes part, and says why") {
  asio::io_context loop{1};
  Member member(loop, options_of("a"));
  member.start({});
  REQUIRE(run_until(loop, [&] { return member.may_serve(); }));
  member.node().give_up(invalid("entry 9 cannot be applied"));
  CHECK(!member.may_serve());
  CHECK(member.view().failure == "entry 9 cannot be applied");
}

}  // namespace tandem::cluster::state_check_test
