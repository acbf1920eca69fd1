#include "common/wire/cluster_envelope.hpp"

#include <set>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "random_messages.hpp"

namespace tandem::cluster_envelope_test {

using namespace tandem::core;
using namespace tandem::wire;
using nlohmann::json;

namespace {

constexpr auto kinds = std::variant_size_v<MessageBody>;

ClusterEnvelope envelope_of(std::vector<Message> messages) {
  return {.node = NodeId("a"),
          .control = {"10.0.0.1", 7070},
          .listen = "10.0.0.1:8080",
          .pass = "0123456789abcdef0123456789abcdef",
          .election_timeout = 500ms,
          .found_out = {},
          .messages = std::move(messages)};
}

Configuration three_voters() {
  return Configuration{}
      .with({{NodeId("a"), IncarnationId(5)}, VoterKind::master, LogIndex(1)})
      .with({{NodeId("b"), IncarnationId(6)}, VoterKind::master, LogIndex(2)})
      .with({{NodeId("w"), IncarnationId(7)}, VoterKind::witness, LogIndex(3)});
}

Message message(MessageBody body) {
  return {ClusterId(9),
          {NodeId("a"), IncarnationId(5)},
          {NodeId("b"), IncarnationId(6)},
          Term(3),
          std::move(body)};
}

// One message of each kind, with everything in it that can be.
std::vector<Message> rich_messages() {
  const std::vector<Entry> entries{{LogIndex(8), Term(3), Command{{1, 2}, "{}"}},
                                   {LogIndex(9), Term(3), three_voters()},
                                   {LogIndex(10), Term(3), NoOp{}}};
  const auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{LogIndex(7), Term(2), three_voters(), "{\"workers\":[]}"});
  return {message(Append{LogIndex(7), Term(2), entries, LogIndex(7), Instant(1s), SessionId(4)}),
          message(AppendReply{}),
          message(VoteRequest{}),
          message(VoteReply{}),
          message(InstallSnapshot{snapshot, true, Instant(1s)}),
          message(FetchLog{}),
          message(LogExcerpt{.entries = entries, .snapshot = snapshot}),
          message(TimeoutNow{}),
          message(Released{}),
          message(Hello{})};
}

json rich_document() { return json::parse(to_json(envelope_of(rich_messages()))); }

// The member at fault; empty when there is none.
std::string fault(const json& document) {
  const auto parsed = parse_cluster_envelope(document.dump());
  if (parsed.ok()) return "";
  CHECK(parsed.error().code == ErrorCode::invalid);
  CHECK(parsed.error().message.find(parsed.error().field) != std::string::npos);
  return parsed.error().field;
}

std::string sentence(const json& document) {
  const auto parsed = parse_cluster_envelope(document.dump());
  return parsed.ok() ? "" : parsed.error().message;
}

// Calls visit(path as sentences say it, pointer) for each member of each object in the document.
template <class Visit>
void each_member(const json& value, const std::string& path, const json::json_pointer& at,
                 Visit visit) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      each_member(value[i], path + "[" + std::to_string(i) + "]", at / i, visit);
    }
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    const auto name = path.empty() ? key : path + "." + key;
    visit(name, at / key);
    each_member(member, name, at / key, visit);
  }
}

template <class Visit>
void each_member(Visit visit) {
  each_member(rich_document(), "", json::json_pointer(), visit);
}

// The body of a message or of an entry: what stands in its place, if anything, is another kind.
bool is_a_choice(const json::json_pointer& at) {
  static const std::set<std::string> choices{
      "append",    "append_reply", "vote_request", "vote_reply", "install_snapshot",
      "fetch_log", "log_excerpt",  "timeout_now",  "released",   "hello",
      "command",   "no_op",        "configuration"};
  const bool of_snapshot = at.to_string().find("snapshot/configuration") != std::string::npos;
  return choices.count(at.back()) != 0 && !of_snapshot;
}

// A number that may be larger than 2^53.
bool is_time(const json::json_pointer& at) {
  return at.back() == "sent" || at.back() == "promised_for";
}

}  // namespace

TEST_CASE("an envelope and messages of every kind are read as they were written") {
  test::RandomMessages random(20261121);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<Message> messages;
    const std::size_t count = random.below(4);
    for (std::size_t i = 0; i < count; ++i) messages.push_back(random.next());
    auto sent = envelope_of(messages);
    if (random.coin()) sent.listen = sent.pass = "";
    if (random.coin()) sent.control = {"::", 1};
    const auto read = parse_cluster_envelope(to_json(sent));
    if (!read.ok()) FAIL(read.error().message << "\n" << to_json(sent));
    CHECK(read->node == sent.node);
    CHECK(read->control == sent.control);
    CHECK(read->listen == sent.listen);
    CHECK(read->pass == sent.pass);
    CHECK(read->election_timeout == 500ms);
    REQUIRE(read->messages.size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(test::same(read->messages[i], messages[i]));
      CHECK(describe(read->messages[i]) == describe(messages[i]));
    }
  }
}

TEST_CASE("an envelope tells the inner address to those alone who know what that is") {
  auto sent = envelope_of({});
  sent.inner = "10.0.0.1:8443";
  sent.features.level = features::serving_grants;
  CHECK(to_json(sent).find("inner") == std::string::npos);
  sent.features.level = features::inner_addresses;
  const auto read = parse_cluster_envelope(to_json(sent));
  REQUIRE(read.ok());
  CHECK(read->inner == sent.inner);
  auto document = json::parse(to_json(sent));
  document["inner"] = "somewhere:1";
  CHECK(fault(document) == "inner");
  document["inner"] = "10.0.0.1:8443";
  document["format"] = features::serving_grants.value();
  CHECK(sentence(document) == "inner is not known here");
}

TEST_CASE("entries and configurations on the disk are read as they were written") {
  test::RandomMessages random(7);
  for (int round = 0; round < 2'000; ++round) {
    const Entry entry = random.entry();
    const auto entry_read = parse_entry(to_json(entry));
    REQUIRE(entry_read.ok());
    CHECK(*entry_read == entry);
    const Configuration configuration = random.configuration();
    const auto configuration_read = parse_configuration(to_json(configuration));
    REQUIRE(configuration_read.ok());
    CHECK(*configuration_read == configuration);
  }
  Entry escaped{LogIndex(1), Term(1), Command{{}, std::string(limits::command_bytes_max, '\1')}};
  CHECK(*parse_entry(to_json(escaped)) == escaped);
  CHECK(parse_entry("{}").error().message == "index is missing");
  CHECK(parse_configuration("[]").error().code == ErrorCode::invalid);
}

TEST_CASE("an envelope without one of its members is refused, whichever it is") {
  each_member([](const std::string& name, const json::json_pointer& at) {
    auto document = rich_document();
    document[at.parent_pointer()].erase(at.back());
    const auto missing = sentence(document);
    if (name == "control") {
      CHECK(missing == "");  // a witness without a port
    } else if (is_a_choice(at)) {
      const auto holder = name.substr(0, name.rfind('.'));
      CHECK(missing.rfind(holder + " must have one of ", 0) == 0);
    } else {
      CHECK(missing == name + " is missing");
    }
  });
}

TEST_CASE("an envelope with a member of another type is refused, whichever it is") {
  each_member([](const std::string& name, const json::json_pointer& at) {
    for (const auto& wrong : {json(nullptr), json(1.5), json("?"), json(json::array({1})),
                              json(json::array({nullptr})), json({{"x", 1}}), json(true)}) {
      auto document = rich_document();
      if (document[at].type() == wrong.type() && !wrong.is_number_float()) {
        if (!wrong.is_array() && !wrong.is_object()) continue;
      }
      if (wrong.is_string() && document[at].is_string()) continue;
      if (wrong.is_null() && at.back() == "snapshot" && name.find("log_excerpt") != name.npos) {
        continue;  // it may be null
      }
      if (wrong.is_null() && name == "control") continue;  // as may this
      document[at] = wrong;
      const auto found = fault(document);
      INFO(name << " = " << wrong << " gave " << found);
      CHECK(found.rfind(name, 0) == 0);
    }
  });
}

TEST_CASE("an envelope with a number out of range is refused, whichever it is") {
  each_member([](const std::string& name, const json::json_pointer& at) {
    if (!rich_document()[at].is_number()) return;
    auto document = rich_document();
    document[at] = -1;
    CHECK(fault(document) == name);
    document[at] = std::uint64_t{1} << (is_time(at) ? 63 : 53);
    CHECK(fault(document) == name);
    if (at.back() == "format" || at.back() == "election_timeout_ms") return;
    document[at] = (std::uint64_t{1} << (is_time(at) ? 63 : 53)) - 1;
    INFO(name);
    // Two voters may now be out of order.
    CHECK((fault(document).empty() || name.find("voters") != name.npos));
  });
}

TEST_CASE("an envelope with a member that is not known is refused, wherever it stands") {
  CHECK(fault([] {
          auto document = rich_document();
          document["more"] = 1;
          return document;
        }()) == "more");
  each_member([](const std::string& name, const json::json_pointer& at) {
    auto document = rich_document();
    if (!document[at].is_object()) return;
    document[at]["more"] = 1;
    CHECK(sentence(document) == name + ".more is not known here");
  });
}

TEST_CASE("an envelope of a later version is refused for that, whatever else is in it") {
  auto document = rich_document();
  document["format"] = features::newest.value() + 1;
  document["messages"] = "packed";
  CHECK(sentence(document) == fmt::format("format {} is of a later version; this one reads {}",
                                          features::newest.value() + 1, features::newest));
  document["format"] = 0;
  CHECK(fault(document) == "format");
}

TEST_CASE("a message has one body") {
  auto document = rich_document();
  document["messages"][0]["hello"] = document["messages"][9]["hello"];
  CHECK(sentence(document) == "messages[0].hello cannot be combined with append");
}

TEST_CASE("an envelope says where its sender is in literal addresses") {
  auto document = rich_document();
  for (const auto* control : {"", "host:1", "10.0.0.1:0", "10.0.0.1", "::1:80"}) {
    document["control"] = control;
    CHECK(fault(document) == "control");
  }
  document = rich_document();
  for (const auto* listen : {"host:1", "10.0.0.1:0", "10.0.0.1"}) {
    document["listen"] = listen;
    CHECK(fault(document) == "listen");
  }
  document = rich_document();
  for (const auto* pass :
       {"0123", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef0",
        "g123456789abcdef0123456789abcdef"}) {
    document["pass"] = pass;
    CHECK(fault(document) == "pass");
  }
  for (const json& timeout : {json(0), json(300'001), json("1s"), json(nullptr)}) {
    document = rich_document();
    document["election_timeout_ms"] = timeout;
    CHECK(fault(document) == "election_timeout_ms");
  }
}

TEST_CASE("only a hello may come from or go to somebody without a history") {
  auto document = rich_document();
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const bool hello = kind + 1 == kinds;
    const auto at = "messages[" + std::to_string(kind) + "]";
    for (const std::string member : {"cluster", "term"}) {
      auto changed = document;
      changed["messages"][kind][member] = 0;
      CHECK(fault(changed) == (hello ? "" : at + "." + member));
    }
    auto changed = document;
    changed["messages"][kind]["to"]["incarnation"] = 0;
    CHECK(fault(changed) == (hello ? "" : at + ".to.incarnation"));
    changed["messages"][kind]["from"]["incarnation"] = 0;
    CHECK(fault(changed) == at + ".from.incarnation");
  }
}

TEST_CASE("an entry has an index and a term, a snapshot of nothing has neither") {
  auto document = rich_document();
  document["messages"][0]["append"]["entries"][0]["term"] = 0;
  CHECK(fault(document) == "messages[0].append.entries[0].term");
  document = rich_document();
  auto& snapshot = document["messages"][4]["install_snapshot"]["snapshot"];
  snapshot["term"] = 0;
  CHECK(fault(document) == "messages[4].install_snapshot.snapshot.term");
  snapshot["index"] = 0;
  CHECK(fault(document).empty());
  snapshot["term"] = 1;
  CHECK(fault(document) == "messages[4].install_snapshot.snapshot.term");
}

TEST_CASE("voters are in order, each there once, and as many as a change of them needs") {
  auto document = rich_document();
  auto& voters = document["messages"][0]["append"]["entries"][1]["configuration"]["voters"];
  const auto good = voters;
  const std::string at = "messages[0].append.entries[1].configuration.voters";
  std::swap(voters[0], voters[1]);
  CHECK(fault(document) == at);
  voters = good;
  voters.push_back(good.back());
  CHECK(fault(document) == at);
  voters = json::array();
  for (std::size_t i = 0; i <= limits::voters_max; ++i) {
    voters.push_back(good[0]);
    voters.back()["incarnation"] = i + 1;
  }
  CHECK(fault(document).empty());
  voters.push_back(good[1]);
  CHECK(fault(document) == at);
}

TEST_CASE("entries, commands and snapshots are as large as they may be, and no larger") {
  const auto parse_with = [](const Message& one) {
    return parse_cluster_envelope(to_json(envelope_of({one})));
  };
  Append append;
  append.entries.assign(limits::append_entries_max, {LogIndex(1), Term(1), NoOp{}});
  CHECK(parse_with(message(append)).ok());
  append.entries.push_back(append.entries.back());
  CHECK(parse_with(message(append)).error().field == "messages[0].append.entries");

  append.entries = {
      {LogIndex(1), Term(1), Command{{}, std::string(limits::command_bytes_max, 'x')}}};
  CHECK(parse_with(message(append)).ok());
  std::get<Command>(append.entries[0].body).bytes += 'x';
  CHECK(parse_with(message(append)).error().field == "messages[0].append.entries[0].command.bytes");

  Snapshot snapshot{LogIndex(1), Term(1), {}, std::string(limits::snapshot_bytes_max, '"')};
  const auto install = [&] {
    return message(InstallSnapshot{std::make_shared<const Snapshot>(snapshot), false, {}});
  };
  CHECK(parse_with(install()).ok());
  snapshot.bytes.assign(limits::snapshot_bytes_max + 1, 'x');
  CHECK(parse_with(install()).error().field == "messages[0].install_snapshot.snapshot.bytes");

  auto text = to_json(envelope_of({}));
  text.append(limits::cluster_body_bytes_max - text.size(), ' ');
  CHECK(parse_cluster_envelope(text).ok());
  CHECK(parse_cluster_envelope(text + ' ').error().message.find("longer than") !=
        std::string::npos);
}

TEST_CASE("an envelope tells which workers are left alone, when there are any") {
  auto sent = envelope_of({});
  CHECK(to_json(sent).find("ejected") == std::string::npos);
  CHECK(to_json(sent).find("panicking") == std::string::npos);
  sent.found_out.ejected = {{"w1", 1500ms, 2, "5 failures in a row"}, {"w2", 0ms, 1}};
  sent.found_out.panicking = {"default", "shop"};
  const auto read = parse_cluster_envelope(to_json(sent));
  REQUIRE(read.ok());
  CHECK(read->found_out == sent.found_out);
  auto document = json::parse(to_json(sent));
  document["ejected"][1]["left_ms"] = -1;
  CHECK(fault(document) == "ejected[1].left_ms");
  document = json::parse(to_json(sent));
  document["panicking"][1] = "not a name";
  CHECK(fault(document) == "panicking");
}

TEST_CASE("what a primary says of its voters is read as it was written") {
  auto sent = envelope_of(rich_messages());
  CHECK(to_json(sent).find("standing") == std::string::npos);
  CHECK(!parse_cluster_envelope(to_json(sent))->standing);
  sent.standing = Standing{.commit = LogIndex(91),
                           .is_protected = true,
                           .protection = "all voters answer",
                           .voters = {{"b", LogIndex(91)}, {"w1", LogIndex(88), 640ms}}};
  const auto read = parse_cluster_envelope(to_json(sent));
  REQUIRE(read.ok());
  CHECK(read->standing == sent.standing);
  auto document = json::parse(to_json(sent));
  document["standing"]["voters"][1]["silent_ms"] = -1;
  CHECK(fault(document) == "standing.voters[1].silent_ms");
  document = json::parse(to_json(sent));
  document["standing"]["protection"] = std::string(2'049, 'x');
  CHECK(fault(document) == "standing.protection");
}

TEST_CASE("an envelope tells why its sender cannot write its log, in plain text that is bounded") {
  auto envelope = envelope_of({});
  CHECK(to_json(envelope).find("disk_failure") == std::string::npos);
  envelope.disk_failure = "full";
  CHECK(to_json(envelope).find("disk_failure") == std::string::npos);  // older members refuse it
  envelope.features.level = features::agreed_state;
  envelope.disk_failure = "/data/\xff/cluster.db: database or disk is full";
  auto read = parse_cluster_envelope(to_json(envelope));
  REQUIRE(read);
  CHECK(read->disk_failure == "/data/?/cluster.db: database or disk is full");
  envelope.disk_failure = std::string(5'000, 'x');
  read = parse_cluster_envelope(to_json(envelope));
  REQUIRE(read);
  CHECK(read->disk_failure == std::string(disk_failure_bytes_max, 'x'));
}

}  // namespace tandem::cluster_envelope_test
