#include <fstream>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/cluster/protection.hpp"
#include "tests/unit/cluster/members_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::cluster::cluster_node_test {

namespace asio = boost::asio;

namespace {

// Two masters and a witness, as a primary would have made them voters.
class Trio {
 public:
  explicit Trio(const std::string& token = {})
      : a(loop, with(options_of("a"), token, directory.path() / "a")),
        b(loop, with(options_of("b"), token, directory.path() / "b")),
        w(loop, with(options_of("w", core::VoterKind::witness), token, directory.path() / "w")) {
    a.start({&b});
    b.start({&a});
    w.start({});
  }

  static ClusterOptions with(ClusterOptions options, const std::string& token,
                             const std::filesystem::path& path) {
    std::filesystem::create_directory(path);
    options.directory = path.string();
    options.token = token;
    return options;
  }

  bool await(const std::function<bool()>& condition) { return run_until(loop, condition); }
  Member* primary() {
    for (auto* member : {&a, &b}) {
      if (member->may_serve()) return member;
    }
    return nullptr;
  }
  bool await_primary() {
    return await([&] { return primary() != nullptr; });
  }
  // The witness is registered, and becomes a voter.
  bool admit_witness() {
    if (!await_primary()) return false;
    for (auto* member : {&a, &b}) {
      member->node().set_address(core::NodeId("w"), w.control());
      member->node().step(
          core::Registered{{{w.node().self(), "h", true}}, {"h1", "h2"}, member->view().commit});
    }
    return await([&] { return primary() != nullptr && primary()->view().is_protected; });
  }
  void propose(Member& member, std::uint64_t sequence, const std::string& bytes) {
    member.node().step(core::Propose{{7, sequence}, bytes});
  }

  asio::io_context loop{1};
  TemporaryDirectory directory;
  Member a, b, w;
};

}  // namespace

TEST_CASE("masters found a cluster, one leads, and a command is applied on all") {
  Trio trio;
  REQUIRE(trio.await_primary());
  trio.propose(*trio.primary(), 1, "first");
  trio.propose(*trio.primary(), 2, "second");
  const std::vector<std::string> both{"first", "second"};
  CHECK(trio.await([&] { return trio.a.applied == both && trio.b.applied == both; }));
  CHECK((trio.a.may_serve() != trio.b.may_serve()));
}

TEST_CASE("a standby knows who leads and where its clients are served") {
  Trio trio;
  trio.a.node().set_listen("0.0.0.0:8080");
  trio.b.node().set_listen("0.0.0.0:8080");
  REQUIRE(trio.await_primary());
  auto& standby = trio.primary() == &trio.a ? trio.b : trio.a;
  REQUIRE(trio.await([&] { return standby.view().primary_addresses.has_value(); }));
  CHECK(standby.view().primary.name() == trio.primary()->name());
  CHECK(standby.view().primary_addresses->control == trio.primary()->control());
  CHECK(trio.await([&] {
    return standby.view().primary_addresses->listen == Endpoint{"127.0.0.1", 8080};
  }));
}

TEST_CASE("a primary that ends is replaced at once, and what it committed stays") {
  Trio trio;
  REQUIRE(trio.await_primary());
  REQUIRE(trio.admit_witness());
  auto* first = trio.primary();
  trio.propose(*first, 1, "kept");
  REQUIRE(trio.await([&] { return !first->applied.empty(); }));
  auto& second = first == &trio.a ? trio.b : trio.a;
  const auto term = first->view().term;
  first->end();
  CHECK(trio.await([&] { return second.may_serve(); }));
  CHECK(second.view().term > term);
  CHECK(!second.view().is_protected);  // the first has not answered it, and never will
  CHECK(second.applied == std::vector<std::string>{"kept"});
}

TEST_CASE("a primary whose standby is gone says that the next loss would end service") {
  Trio trio;
  REQUIRE(trio.await_primary());
  REQUIRE(trio.admit_witness());
  auto* primary = trio.primary();
  CHECK(protection(primary->view(), primary->name(), now()) == "all voters answer");
  auto& standby = primary == &trio.a ? trio.b : trio.a;
  standby.end();
  CHECK(trio.await([&] { return !primary->view().is_protected; }));
  const auto why = protection(primary->view(), primary->name(), now());
  CHECK(why.starts_with(fmt::format("{} has not been heard for", standby.name())));
  CHECK(why.ends_with(fmt::format("the loss of {} or w would end service", primary->name())));
  CHECK(primary->may_serve());
}

TEST_CASE("a standby says of the voters what the primary says, and who says it") {
  Trio trio;
  REQUIRE(trio.admit_witness());
  auto* primary = trio.primary();
  auto& standby = primary == &trio.a ? trio.b : trio.a;
  CHECK(standby.view().told_by.empty());  // by the log, until all members can say more
  trio.w.end();
  REQUIRE(trio.await([&] { return !primary->view().is_protected; }));
  CHECK(standby.view().is_protected);
  for (auto* member : {&trio.a, &trio.b}) {
    member->node().set_feature_level(wire::features::agreed_state);
  }
  REQUIRE(trio.await([&] { return !standby.view().told_by.empty(); }));
  CHECK(!standby.view().is_protected);
  CHECK(standby.view().told_by.name() == primary->name());
  const auto why = protection(standby.view(), standby.name(), now());
  CHECK(why.starts_with("w has not been heard for"));
  CHECK(why.ends_with(fmt::format("would end service, says {}", primary->name())));
  const auto& voters = standby.view().voters;
  CHECK(std::any_of(voters.begin(), voters.end(), [](const VoterView& voter) {
    return voter.name == "w" && voter.silent_since.has_value();
  }));
  primary->end();
  CHECK(trio.await([&] { return standby.view().told_by.empty(); }));
}

TEST_CASE("a master whose state differs from another's is not protected, nor says anybody it is") {
  Trio trio;
  REQUIRE(trio.admit_witness());
  for (auto* member : {&trio.a, &trio.b}) {
    member->node().set_feature_level(wire::features::agreed_state);
  }
  auto* primary = trio.primary();
  auto& standby = primary == &trio.a ? trio.b : trio.a;
  REQUIRE(trio.await([&] { return standby.view().is_protected; }));
  primary->node().set_differing({standby.name()});
  CHECK(!primary->view().is_protected);
  CHECK(trio.await([&] { return !standby.view().is_protected; }));
  primary->node().set_differing({});
  CHECK(trio.await([&] { return standby.view().is_protected; }));
  standby.node().set_differing({primary->name()});
  CHECK(!standby.view().is_protected);
}

TEST_CASE("a primary whose witness and standby are gone stops serving by itself") {
  Trio trio;
  REQUIRE(trio.await_primary());
  REQUIRE(trio.admit_witness());
  auto* primary = trio.primary();
  (primary == &trio.a ? trio.b : trio.a).end();
  trio.w.end();
  CHECK(trio.await([&] { return !primary->may_serve(); }));
  trio.propose(*primary, 1, "never");
  CHECK(trio.await([&] { return primary->view().role != core::Role::primary; }));
  CHECK(primary->applied.empty());
  CHECK(trio.await([&] {
    const auto& why = primary->view().waiting;
    return why.starts_with("waiting for the votes of") &&
           why.find("w (Connection refused)") != std::string::npos;
  }));
}

TEST_CASE("a master says at the first start for whom it waits") {
  const TemporaryDirectory directory;
  boost::asio::io_context loop;
  Member a(loop, Trio::with(options_of("a"), {}, directory.path() / "a"));
  Member b(loop, Trio::with(options_of("b"), {}, directory.path() / "b"));
  a.start({&b});
  CHECK(run_until(loop, [&] {
    return a.view().waiting.starts_with("waiting for b") &&
           a.view().waiting.ends_with("the first start needs all masters");
  }));
  b.start({&a});
  CHECK(run_until(loop, [&] { return a.may_serve() && a.view().waiting.empty(); }));
}

TEST_CASE("a restarted member goes on with its log") {
  const TemporaryDirectory directory;
  asio::io_context loop{1};
  const auto alone = [&] {
    auto options = options_of("a");
    options.directory = directory.path().string();
    return options;
  };
  core::MemberId before;
  {
    Member member(loop, alone());
    member.start({});
    REQUIRE(run_until(loop, [&] { return member.may_serve(); }));
    before = member.node().self();
    member.node().step(core::Propose{{7, 1}, "kept"});
    REQUIRE(run_until(loop, [&] { return !member.applied.empty(); }));
    member.end();
  }
  Member member(loop, alone());
  member.start({});
  CHECK(run_until(loop, [&] { return member.may_serve(); }));
  CHECK(member.node().self() == before);
  CHECK(member.applied == std::vector<std::string>{"kept"});
}

TEST_CASE("a proposal at a standby is refused, and nothing is changed") {
  Trio trio;
  REQUIRE(trio.await_primary());
  auto& standby = trio.primary() == &trio.a ? trio.b : trio.a;
  trio.propose(standby, 1, "no");
  REQUIRE(standby.refused.size() == 1);
  CHECK(standby.refused[0].error.code == ErrorCode::unavailable);
}

TEST_CASE("leadership that is handed over is taken, and the former primary follows") {
  Trio trio;
  REQUIRE(trio.await_primary());
  REQUIRE(trio.admit_witness());
  auto* first = trio.primary();
  auto& second = first == &trio.a ? trio.b : trio.a;
  first->node().step(core::HandOver{});
  CHECK(trio.await([&] { return second.may_serve(); }));
  CHECK(!first->may_serve());
  CHECK(trio.await([&] { return first->view().primary.name() == second.name(); }));
}

TEST_CASE("members without the token are refused and counted") {
  asio::io_context loop{1};
  const TemporaryDirectory directory;
  Member a(loop, Trio::with(options_of("a"), "0123456789abcdef", directory.path() / "a"));
  Member b(loop, Trio::with(options_of("b"), "fedcba9876543210", directory.path() / "b"));
  a.start({&b});
  b.start({&a});
  CHECK(run_until(loop, [&] {
    return a.node().refusals().unauthorized > 2 && b.node().refusals().unauthorized > 2;
  }));
  CHECK(!a.may_serve());
  CHECK(!b.may_serve());
}

TEST_CASE("a member of another cluster is refused with a sentence, and counted") {
  asio::io_context loop{1};
  Member a(loop, options_of("a"));
  a.start({});
  REQUIRE(run_until(loop, [&] { return a.may_serve(); }));
  wire::ClusterEnvelope envelope{.node = core::NodeId("b"),
                                 .control = {"127.0.0.1", 9},
                                 .listen = {},
                                 .pass = {},
                                 .election_timeout = 200ms,
                                 .found_out = {},
                                 .messages = {{core::ClusterId(a.view().cluster.value() + 1),
                                               {core::NodeId("b"), core::IncarnationId(1)},
                                               a.node().self(),
                                               Term(9),
                                               core::TimeoutNow{}}}};
  const auto foreign = a.node().check(envelope);
  REQUIRE(!foreign.ok());
  CHECK(foreign.error().message.find("belongs to cluster") != std::string::npos);
  CHECK(a.node().refusals().foreign == 1);
  envelope.messages[0].cluster = a.view().cluster;
  CHECK(a.node().check(envelope).ok());
  envelope.election_timeout = 300ms;
  const auto other_timing = a.node().check(envelope);
  REQUIRE(!other_timing.ok());
  CHECK(other_timing.error().message.find("--election-timeout") != std::string::npos);
  CHECK(a.node().refusals().foreign == 2);
}

TEST_CASE("peers without a data directory are an error of usage") {
  auto options = options_of("a");
  options.peers[core::NodeId("b")] = {"127.0.0.1", 1};
  const auto valid = options.validate();
  REQUIRE(!valid.ok());
  CHECK(valid.error().field == "--data-dir");
  options.directory = "/somewhere";
  CHECK(options.validate().ok());
  options.peers[core::NodeId("a")] = {"127.0.0.1", 1};
  CHECK(!options.validate().ok());
}

TEST_CASE("a data directory is refused to a node of another name, which is told whose it is") {
  TemporaryDirectory directory;
  {
    Trio trio;
    REQUIRE(trio.admit_witness());
    const auto copy = std::filesystem::copy_options::recursive;
    REQUIRE(trio.await([&] { return trio.b.view().voters.size() == 3; }));
    std::filesystem::copy(trio.directory.path() / "b", directory.path() / "b", copy);
  }
  boost::asio::io_context loop;
  auto options = Trio::with(options_of("c"), {}, directory.path() / "b");
  ClusterNode renamed(loop, options, {});
  const auto opened = renamed.open();
  REQUIRE(!opened.ok());
  CHECK(opened.error().message.find("belongs to b, not to c") != std::string::npos);
}

TEST_CASE("masters without a log say what to do when workers remember a cluster") {
  const TemporaryDirectory directory;
  boost::asio::io_context loop;
  Member a(loop, Trio::with(options_of("a"), {}, directory.path() / "a"));
  Member b(loop, Trio::with(options_of("b"), {}, directory.path() / "b"));
  a.start({&b});
  a.node().step(core::TermReported{Term(7)});
  b.start({&a});
  REQUIRE(run_until(loop, [&] { return a.view().waiting.starts_with("workers remember term 7"); }));
  CHECK(a.view().waiting.find("--restore FILE") != std::string::npos);
  CHECK(!a.may_serve());
}

}  // namespace tandem::cluster::cluster_node_test
