#include "random_messages.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "common/core/limits.hpp"

namespace tandem::test {

using namespace core;

std::uint64_t RandomMessages::id(std::uint64_t min) {
  constexpr std::uint64_t end = std::uint64_t{1} << 53;
  const std::uint64_t drawn = below(4) == 0 ? end - 1 - below(3) : below(coin() ? 10 : end);
  return std::max(drawn, min);
}

Instant RandomMessages::instant() {
  switch (below(3)) {
    case 0: return Instant{};
    case 1: return Instant(Duration(static_cast<Duration::rep>(random_() >> 1)));
    default: return Instant::forever();
  }
}

std::string RandomMessages::text() {
  static const std::vector<std::string> pieces{
      "{\"op\":\"join\"}", "\"", "\\", "\n", std::string(1, '\0'), "\x1f", "\x7f", "/", "ü", "€",
      "\U0001F600",        "x"};
  std::string made;
  for (auto left = below(20); left > 0; --left) made += pieces[below(pieces.size())];
  return made;
}

MemberId RandomMessages::member() {
  static const std::vector<std::string> names{"a", "b", "w.1", "Master_2-x", std::string(64, 'z')};
  return {NodeId(names[below(names.size())]), IncarnationId(id(1))};
}

Configuration RandomMessages::configuration() {
  Configuration made;
  const auto count = below(limits::voters_max + 2);
  for (std::size_t i = 0; i < count; ++i) {
    const Voter voter{member(), coin() ? VoterKind::master : VoterKind::witness, LogIndex(id())};
    if (!made.contains(voter.id)) made.voters.push_back(voter);
  }
  std::sort(made.voters.begin(), made.voters.end(),
            [](const Voter& a, const Voter& b) { return a.id < b.id; });
  made.pair = coin();
  made.was_protected = coin();
  made.grants = coin();
  return made;
}

Entry RandomMessages::entry() {
  Entry made{LogIndex(id(1)), Term(id(1)), NoOp{}};
  switch (below(3)) {
    case 0: made.body = Command{{id(), id()}, text()}; break;
    case 1: made.body = configuration(); break;
    default: break;
  }
  return made;
}

std::vector<Entry> RandomMessages::entries() {
  std::vector<Entry> made;
  const auto count = below(8) == 0 ? limits::append_entries_max : below(4);
  for (std::size_t i = 0; i < count; ++i) made.push_back(entry());
  return made;
}

SnapshotPointer RandomMessages::snapshot() {
  if (below(4) == 0) return std::make_shared<const Snapshot>();
  return std::make_shared<const Snapshot>(
      Snapshot{LogIndex(id(1)), Term(id(1)), configuration(), text()});
}

std::optional<GrantRequest> RandomMessages::request() {
  if (coin()) return std::nullopt;
  return GrantRequest{coin() ? instant() : Instant::never(), SessionId(id()), LogIndex(id())};
}

MessageBody RandomMessages::body(std::size_t kind) {
  const auto ballot = coin() ? Ballot::pre_vote : Ballot::vote;
  switch (kind) {
    case 0:
      return Append{LogIndex(id()),
                    Term(id()),
                    entries(),
                    LogIndex(id()),
                    instant(),
                    SessionId(id()),
                    coin() ? std::optional(Grant{instant(), SessionId(id())}) : std::nullopt};
    case 1:
      return AppendReply{coin(),     LogIndex(id()), LogIndex(id()),  LogIndex(id()),
                         Term(id()), instant(),      SessionId(id()), request()};
    case 2: return VoteRequest{ballot, Term(id()), LogIndex(id()), Term(id()), coin()};
    case 3:
      return VoteReply{ballot,         Term(id()), coin(), instant().since_boot(),
                       LogIndex(id()), Term(id())};
    case 4: return InstallSnapshot{snapshot(), coin(), instant()};
    case 5: return FetchLog{LogIndex(id()), Term(id())};
    case 6:
      return LogExcerpt{coin(),         LogIndex(id()), LogIndex(id()),
                        Term(id()),     entries(),      coin() ? snapshot() : nullptr,
                        LogIndex(id()), Term(id())};
    case 7: return TimeoutNow{};
    case 8: return Released{};
    default: return Hello{coin(), coin(), SessionId(id())};
  }
}

Message RandomMessages::of_kind(std::size_t kind) {
  const bool hello = kind + 1 == std::variant_size_v<MessageBody>;
  const std::uint64_t least = hello ? 0 : 1;
  Message made{ClusterId(id(least)), member(), member(), Term(id(least)), body(kind)};
  if (hello && coin()) made.to.incarnation = IncarnationId(0);
  return made;
}

Message RandomMessages::next() { return of_kind(below(std::variant_size_v<MessageBody>)); }

namespace {

bool same(const SnapshotPointer& a, const SnapshotPointer& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return std::tie(a->index, a->term, a->configuration, a->bytes) ==
         std::tie(b->index, b->term, b->configuration, b->bytes);
}

bool same(const Append& a, const Append& b) {
  const auto fields = [](const Append& x) {
    return std::tie(x.previous_index, x.previous_term, x.entries, x.commit, x.sent, x.in_sync,
                    x.grant);
  };
  return fields(a) == fields(b);
}
bool same(const AppendReply& a, const AppendReply& b) {
  const auto fields = [](const AppendReply& x) {
    return std::tie(x.accepted, x.match, x.rejected, x.committed, x.committed_term, x.sent,
                    x.session, x.request);
  };
  return fields(a) == fields(b);
}
bool same(const VoteRequest& a, const VoteRequest& b) {
  const auto fields = [](const VoteRequest& x) {
    return std::tie(x.ballot, x.for_term, x.last_index, x.last_term, x.handover);
  };
  return fields(a) == fields(b);
}
bool same(const VoteReply& a, const VoteReply& b) {
  const auto fields = [](const VoteReply& x) {
    return std::tie(x.ballot, x.for_term, x.granted, x.promised_for, x.last_index, x.last_term);
  };
  return fields(a) == fields(b);
}
bool same(const InstallSnapshot& a, const InstallSnapshot& b) {
  return same(a.snapshot, b.snapshot) && a.discard_log == b.discard_log && a.sent == b.sent;
}
bool same(const FetchLog& a, const FetchLog& b) {
  return a.previous_index == b.previous_index && a.previous_term == b.previous_term;
}
bool same(const LogExcerpt& a, const LogExcerpt& b) {
  const auto fields = [](const LogExcerpt& x) {
    return std::tie(x.matched, x.asked, x.previous_index, x.previous_term, x.entries, x.last_index,
                    x.last_term);
  };
  return fields(a) == fields(b) && same(a.snapshot, b.snapshot);
}
bool same(const TimeoutNow&, const TimeoutNow&) { return true; }
bool same(const Released&, const Released&) { return true; }
bool same(const Hello& a, const Hello& b) {
  return std::tie(a.belongs, a.answer_wanted, a.asker) ==
         std::tie(b.belongs, b.answer_wanted, b.asker);
}

}  // namespace

bool same(const Message& a, const Message& b) {
  if (std::tie(a.cluster, a.from, a.to, a.term) != std::tie(b.cluster, b.from, b.to, b.term)) {
    return false;
  }
  if (a.body.index() != b.body.index()) return false;
  return std::visit(
      [&](const auto& body) { return same(body, std::get<std::decay_t<decltype(body)>>(b.body)); },
      a.body);
}

}  // namespace tandem::test
