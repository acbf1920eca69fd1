#include "common/wire/cluster_messages.hpp"

#include <array>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/wire/log_entries.hpp"

namespace tandem::wire {

using nlohmann::ordered_json;

namespace {

// In the order of the alternatives of core::MessageBody.
constexpr std::array kinds{"append",           "append_reply", "vote_request", "vote_reply",
                           "install_snapshot", "fetch_log",    "log_excerpt",  "timeout_now",
                           "released",         "hello"};
static_assert(kinds.size() == std::variant_size_v<core::MessageBody>);

const char* name_of(core::Ballot ballot) {
  return ballot == core::Ballot::pre_vote ? "pre_vote" : "vote";
}

std::int64_t nanoseconds(Instant instant) { return instant.since_boot().count(); }

ordered_json documents(const std::vector<core::Entry>& entries) {
  auto array = ordered_json::array();
  for (const auto& entry : entries) array.push_back(document_of(entry));
  return array;
}

// Grants are written only where a cluster uses them: members of feature levels without them refuse
// unknown members of documents.
ordered_json body(const core::Append& append) {
  ordered_json document{{"previous_index", append.previous_index.value()},
                        {"previous_term", append.previous_term.value()},
                        {"entries", documents(append.entries)},
                        {"commit", append.commit.value()},
                        {"sent", nanoseconds(append.sent)},
                        {"in_sync", append.in_sync.value()}};
  if (append.grant) {
    document["grant"] = {{"asked", nanoseconds(append.grant->asked)},
                         {"session", append.grant->session.value()}};
  }
  return document;
}

ordered_json body(const core::AppendReply& reply) {
  ordered_json document{{"accepted", reply.accepted},
                        {"match", reply.match.value()},
                        {"rejected", reply.rejected.value()},
                        {"committed", reply.committed.value()},
                        {"committed_term", reply.committed_term.value()},
                        {"sent", nanoseconds(reply.sent)},
                        {"session", reply.session.value()}};
  if (!reply.request) return document;
  auto& request = document["request"] = {{"session", reply.request->session.value()},
                                         {"applied", reply.request->applied.value()}};
  const auto asked = reply.request->asked;
  if (asked != Instant::never()) request["asked"] = nanoseconds(asked);
  return document;
}

ordered_json body(const core::VoteRequest& request) {
  return {{"ballot", name_of(request.ballot)},
          {"for_term", request.for_term.value()},
          {"last_index", request.last_index.value()},
          {"last_term", request.last_term.value()},
          {"handover", request.handover}};
}

ordered_json body(const core::VoteReply& reply) {
  return {{"ballot", name_of(reply.ballot)},
          {"for_term", reply.for_term.value()},
          {"granted", reply.granted},
          {"promised_for", reply.promised_for.count()},
          {"last_index", reply.last_index.value()},
          {"last_term", reply.last_term.value()}};
}

ordered_json body(const core::InstallSnapshot& install) {
  TANDEM_ASSERT(install.snapshot != nullptr);
  return {{"snapshot", document_of(*install.snapshot)},
          {"discard_log", install.discard_log},
          {"sent", nanoseconds(install.sent)}};
}

ordered_json body(const core::FetchLog& fetch) {
  return {{"previous_index", fetch.previous_index.value()},
          {"previous_term", fetch.previous_term.value()}};
}

ordered_json body(const core::LogExcerpt& excerpt) {
  return {{"matched", excerpt.matched},
          {"asked", excerpt.asked.value()},
          {"previous_index", excerpt.previous_index.value()},
          {"previous_term", excerpt.previous_term.value()},
          {"entries", documents(excerpt.entries)},
          {"snapshot", excerpt.snapshot ? document_of(*excerpt.snapshot) : ordered_json()},
          {"last_index", excerpt.last_index.value()},
          {"last_term", excerpt.last_term.value()}};
}

ordered_json body(const core::TimeoutNow&) { return ordered_json::object(); }
ordered_json body(const core::Released&) { return ordered_json::object(); }

ordered_json body(const core::Hello& hello) {
  return {{"belongs", hello.belongs},
          {"answer_wanted", hello.answer_wanted},
          {"asker", hello.asker.value()}};
}

void read_ballot(MemberReader& reader, core::Ballot& ballot) {
  std::string word;
  reader.text("ballot", word);
  if (word == "vote") {
    ballot = core::Ballot::vote;
  } else if (word == "pre_vote") {
    ballot = core::Ballot::pre_vote;
  } else {
    reader.refuse("ballot", "must be pre_vote or vote");
  }
}

void read_entries(MemberReader& reader, std::vector<core::Entry>& entries) {
  read_parts(reader, "entries", entries, limits::append_entries_max,
             [](MemberReader& part, core::Entry& entry) { read(part, entry); });
}

void read_snapshot(MemberReader& reader, core::SnapshotPointer& pointer) {
  auto snapshot = std::make_shared<core::Snapshot>();
  read_part(reader, "snapshot", [&](MemberReader& part) { read(part, *snapshot); });
  pointer = std::move(snapshot);
}

void read(MemberReader& reader, core::Append& append) {
  reader.number("previous_index", append.previous_index, 0, id_max);
  reader.number("previous_term", append.previous_term, 0, id_max);
  read_entries(reader, append.entries);
  reader.number("commit", append.commit, 0, id_max);
  reader.instant("sent", append.sent);
  reader.number("in_sync", append.in_sync, 0, id_max);
  if (reader.is_null("grant")) return;
  read_part(reader, "grant", [&](MemberReader& part) {
    auto& grant = append.grant.emplace();
    part.instant("asked", grant.asked);
    part.number("session", grant.session, 0, id_max);
  });
}

void read(MemberReader& reader, core::AppendReply& reply) {
  reader.boolean("accepted", reply.accepted);
  reader.number("match", reply.match, 0, id_max);
  reader.number("rejected", reply.rejected, 0, id_max);
  reader.number("committed", reply.committed, 0, id_max);
  reader.number("committed_term", reply.committed_term, 0, id_max);
  reader.instant("sent", reply.sent);
  reader.number("session", reply.session, 0, id_max);
  if (reader.is_null("request")) return;
  read_part(reader, "request", [&](MemberReader& part) {
    auto& request = reply.request.emplace();
    part.number("session", request.session, 0, id_max);
    part.number("applied", request.applied, 0, id_max);
    if (!part.is_null("asked")) part.instant("asked", request.asked);
  });
}

void read(MemberReader& reader, core::VoteRequest& request) {
  read_ballot(reader, request.ballot);
  reader.number("for_term", request.for_term, 0, id_max);
  reader.number("last_index", request.last_index, 0, id_max);
  reader.number("last_term", request.last_term, 0, id_max);
  reader.boolean("handover", request.handover);
}

void read(MemberReader& reader, core::VoteReply& reply) {
  read_ballot(reader, reply.ballot);
  reader.number("for_term", reply.for_term, 0, id_max);
  reader.boolean("granted", reply.granted);
  reader.duration("promised_for", reply.promised_for);
  reader.number("last_index", reply.last_index, 0, id_max);
  reader.number("last_term", reply.last_term, 0, id_max);
}

void read(MemberReader& reader, core::InstallSnapshot& install) {
  read_snapshot(reader, install.snapshot);
  reader.boolean("discard_log", install.discard_log);
  reader.instant("sent", install.sent);
}

void read(MemberReader& reader, core::FetchLog& fetch) {
  reader.number("previous_index", fetch.previous_index, 0, id_max);
  reader.number("previous_term", fetch.previous_term, 0, id_max);
}

void read(MemberReader& reader, core::LogExcerpt& excerpt) {
  reader.boolean("matched", excerpt.matched);
  reader.number("asked", excerpt.asked, 0, id_max);
  reader.number("previous_index", excerpt.previous_index, 0, id_max);
  reader.number("previous_term", excerpt.previous_term, 0, id_max);
  read_entries(reader, excerpt.entries);
  if (reader.is_there("snapshot")) read_snapshot(reader, excerpt.snapshot);  // it may be null
  reader.number("last_index", excerpt.last_index, 0, id_max);
  reader.number("last_term", excerpt.last_term, 0, id_max);
}

void read(MemberReader&, core::TimeoutNow&) {}
void read(MemberReader&, core::Released&) {}

void read(MemberReader& reader, core::Hello& hello) {
  reader.boolean("belongs", hello.belongs);
  reader.boolean("answer_wanted", hello.answer_wanted);
  reader.number("asker", hello.asker, 0, id_max);
}

template <std::size_t kind = 0>
void read_body(MemberReader& reader, std::size_t found, core::MessageBody& body) {
  if constexpr (kind < kinds.size()) {
    if (kind != found) return read_body<kind + 1>(reader, found, body);
    auto& value = body.emplace<kind>();
    read_part(reader, kinds[kind], [&](MemberReader& part) { read(part, value); });
  }
}

}  // namespace

ordered_json document_of(const core::Message& message) {
  return {{"cluster", message.cluster.value()},
          {"from", document_of(message.from)},
          {"to", document_of(message.to)},
          {"term", message.term.value()},
          {kinds[message.body.index()],
           std::visit([](const auto& what) { return body(what); }, message.body)}};
}

void read(MemberReader& reader, core::Message& message) {
  const auto kind = reader.one_of(kinds);
  if (!kind) return;
  read_body(reader, *kind, message.body);
  // A node that has no cluster yet and does not know the receiver can only send a Hello.
  const std::uint64_t least = std::holds_alternative<core::Hello>(message.body) ? 0 : 1;
  reader.number("cluster", message.cluster, least, id_max);
  reader.number("term", message.term, least, id_max);
  read_part(reader, "from", [&](MemberReader& part) { read(part, message.from, 1); });
  read_part(reader, "to", [&](MemberReader& part) { read(part, message.to, least); });
}

}  // namespace tandem::wire
