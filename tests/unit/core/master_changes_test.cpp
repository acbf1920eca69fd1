#include <catch2/catch.hpp>

#include "common/core/membership.hpp"

namespace tandem::core::master_changes_test {
namespace {

MemberId member(const char* name, std::uint64_t incarnation = 1) {
  return {NodeId(name), IncarnationId(incarnation)};
}

Configuration of(std::initializer_list<const char*> names) {  // w, x, y, z are witnesses
  Configuration configuration;
  std::uint64_t since = 0;
  for (const auto* name : names) {
    const auto kind = name[0] >= 'w' ? VoterKind::witness : VoterKind::master;
    configuration = configuration.with({member(name), kind, LogIndex(++since)});
  }
  return configuration;
}

// Masters, "c:b" is c in the place of b; and workers that could be witnesses.
Registered registered(std::initializer_list<const char*> masters,
                      std::initializer_list<const char*> workers = {}) {
  Registered all;
  for (const std::string_view text : masters) {
    const auto colon = text.find(':');
    all.masters.push_back({NodeId(text.substr(0, colon)),
                           colon == text.npos ? NodeId{} : NodeId(text.substr(colon + 1))});
  }
  for (const auto* name : workers)
    all.candidates.push_back({member(name), std::string("host-") + name, true});
  return all;
}

struct Question {
  Configuration configuration;
  Registered state;
  std::map<NodeId, MemberId> asking{};
  std::set<MemberId> silent{};
  const char* primary = "a";
  bool alone = false;
  bool other_is_out = false;
  MemberId tried{};

  std::optional<VoterChange> answer() const {
    std::set<MemberId> living;
    for (const auto& voter : configuration.voters) {
      if (!silent.contains(voter.id)) living.insert(voter.id);
    }
    return next_change({.configuration = configuration,
                        .masters = asking,
                        .living = living,
                        .registered = &state,
                        .self = member(primary),
                        .alone = alone,
                        .other_is_out = other_is_out},
                       tried);
  }
};

std::map<NodeId, MemberId> asking(const char* name) { return {{NodeId(name), member(name)}}; }
VoterChange removal(const char* name) { return RemoveVoter{member(name)}; }
VoterChange addition(const char* name) {
  return AddVoter{member(name), name[0] >= 'w' ? VoterKind::witness : VoterKind::master};
}
VoterChange pair(bool on) { return SetPair{on}; }

}  // namespace

TEST_CASE("a voting master that belongs no more is removed, and the primary only when it is last") {
  CHECK(Question{of({"a", "b", "c"}), registered({"a", "b"})}.answer() == removal("c"));
  CHECK(Question{of({"a", "b", "c"}), registered({"b"})}.answer() == removal("c"));
  CHECK(Question{of({"a", "b"}), registered({"b"})}.answer() == removal("a"));
  CHECK(Question{of({"a", "b", "c"}), registered({"a", "b", "c"})}.answer() == std::nullopt);
}

TEST_CASE("a state that does not say who the masters are removes none") {
  CHECK(Question{of({"a", "b", "c"}), registered({})}.answer() == std::nullopt);
}

TEST_CASE("a master that others need to serve is not removed before they can do without") {
  const auto three = of({"a", "b", "c"});
  CHECK(Question{three, registered({"a", "b"}), {}, {member("b")}}.answer() == std::nullopt);
  CHECK(Question{three, registered({"a", "b"}), {}, {member("c")}}.answer() == removal("c"));
}

TEST_CASE("a master that takes another's place is added first, then the other goes at once") {
  const auto state = registered({"a", "b", "c:b"});
  CHECK(Question{of({"a", "b", "w"}), state, asking("c")}.answer() == addition("c"));
  CHECK(Question{of({"a", "b", "w", "c"}), state}.answer() == removal("b"));
}

TEST_CASE("a witness that the remaining masters want is added before a master goes") {
  const auto state = registered({"a", "b"}, {"w"});
  CHECK(Question{of({"a", "b", "c"}), state}.answer() == addition("w"));
  CHECK(Question{of({"a", "b", "c", "w"}), state}.answer() == removal("c"));
}

TEST_CASE("a witness that did not catch up holds up no removal") {
  Question question{of({"a", "b", "c"}), registered({"a", "b"}, {"w"})};
  question.tried = member("w");
  CHECK(question.answer() == removal("c"));
}

TEST_CASE("a master that did not catch up holds up no removal, and is tried again after it") {
  Question question{of({"a", "b", "c"}), registered({"a", "b", "d"}), asking("d")};
  question.tried = member("d");
  CHECK(question.answer() == removal("c"));
  question.configuration = of({"a", "b"});
  CHECK(question.answer() == addition("d"));
}

TEST_CASE("a lone master has no witnesses, and a forgotten one holds nothing up") {
  CHECK(Question{of({"a", "w", "x"}), registered({"a"}, {"w", "x"})}.answer() == removal("x"));
  CHECK(Question{of({"a", "w"}), registered({"a"}, {"w"})}.answer() == removal("w"));
  // Without a there would be two voters, of whom one is gone for good.
  CHECK(Question{of({"a", "b", "w"}), registered({"b"}), {}, {member("w")}}.answer() ==
        removal("w"));
}

TEST_CASE("two masters are a pair again when an operator wants no more of them") {
  auto two = of({"a", "b"});
  two.was_protected = true;
  CHECK(Question{two, registered({"a", "b"})}.answer() == pair(true));
  CHECK(Question{two, registered({"a", "b", "c"})}.answer() == std::nullopt);
  CHECK(Question{two, registered({"a", "b"}, {"w"})}.answer() == addition("w"));
  CHECK(Question{two, registered({})}.answer() == std::nullopt);
}

TEST_CASE("a primary that is alone takes in a stranger only in its partner's place") {
  auto two = of({"a", "b"});
  two.pair = true;
  Question question{two, registered({"a", "b", "c"}), asking("c")};
  question.alone = true;
  question.silent = {member("b")};
  CHECK(question.answer() == std::nullopt);
  question.state = registered({"a", "b", "c:b"});
  CHECK(question.answer() == addition("c"));
}

TEST_CASE("a primary that continues alone removes the other only when that one is out") {
  Question question{of({"a", "b"}), registered({"a"}), {}, {member("b")}};
  question.configuration.pair = true;
  question.alone = true;
  CHECK(question.answer() == std::nullopt);
  question.other_is_out = true;
  CHECK(question.answer() == removal("b"));
  question.state = registered({"b"});  // itself it cannot remove: nobody would be left
  CHECK(question.answer() == std::nullopt);
  question.state = registered({"a", "b"});
  CHECK(question.answer() == std::nullopt);
}

TEST_CASE("grants are used when the primary's state says so, and no change of voters is due") {
  Question question{.configuration = of({"a", "b", "w"}), .state = registered({"a", "b"}, {"w"})};
  CHECK(question.answer() == std::nullopt);
  question.state.grants = true;
  CHECK(question.answer() == VoterChange(SetGrants{true}));
  question.configuration.grants = true;
  CHECK(question.answer() == std::nullopt);
  question.asking = {{NodeId("c"), member("c")}};
  question.state.grants = false;
  CHECK(question.answer() == VoterChange(AddVoter{member("c")}));
  question.asking.clear();
  CHECK(question.answer() == VoterChange(SetGrants{false}));
  CHECK(question.configuration.without(member("w")).grants);
  CHECK(question.configuration.with({member("c"), VoterKind::master, LogIndex(9)}).grants);
}

}  // namespace tandem::core::master_changes_test
