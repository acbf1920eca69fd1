#include "common/core/messages.hpp"

#include <fmt/format.h>

#include "common/base/duration.hpp"

namespace tandem::core {

namespace {

const char* name_of(Ballot ballot) { return ballot == Ballot::pre_vote ? "pre-vote" : "vote"; }

std::string list(const std::vector<Entry>& entries) {
  std::string text;
  for (const auto& entry : entries) text += " " + describe(entry);
  return text;
}

std::string text_of(const std::optional<GrantRequest>& request) {
  if (!request) return {};
  const bool asks = request->asked != Instant::never();
  return fmt::format(" applied {}{}", request->applied, asks ? " asks" : "");
}

struct Describe {
  Term term;

  std::string operator()(const Append& append) const {
    return fmt::format("append term {} after {}/{}:{} commit {}{}{}", term, append.previous_index,
                       append.previous_term, append.entries.empty() ? " -" : list(append.entries),
                       append.commit, append.in_sync.value() == 0 ? "" : " in-sync",
                       append.grant ? " grant" : "");
  }
  std::string operator()(const AppendReply& reply) const {
    if (reply.accepted) {
      return fmt::format("append-reply term {} match {}{}", term, reply.match,
                         text_of(reply.request));
    }
    return fmt::format("append-reply term {} refused {} try {}{}", term, reply.rejected,
                       reply.match, text_of(reply.request));
  }
  std::string operator()(const VoteRequest& request) const {
    return fmt::format("{} for term {} last {}/{}{}", name_of(request.ballot), request.for_term,
                       request.last_index, request.last_term, request.handover ? " handover" : "");
  }
  std::string operator()(const VoteReply& reply) const {
    std::string why;
    if (!reply.granted && reply.promised_for > Duration::zero()) {
      why = fmt::format(" promised {}ms", to_ms(reply.promised_for));
    }
    return fmt::format("{}-reply for term {} {}{} last {}/{}", name_of(reply.ballot),
                       reply.for_term, reply.granted ? "granted" : "refused", why, reply.last_index,
                       reply.last_term);
  }
  std::string operator()(const InstallSnapshot& install) const {
    return fmt::format("snapshot term {} up to {}/{}{}", term, install.snapshot->index,
                       install.snapshot->term, install.discard_log ? " discard-log" : "");
  }
  std::string operator()(const FetchLog& fetch) const {
    return fmt::format("fetch-log after {}/{}", fetch.previous_index, fetch.previous_term);
  }
  std::string operator()(const LogExcerpt& excerpt) const {
    if (excerpt.snapshot != nullptr) {
      return fmt::format("log-excerpt snapshot up to {}/{}", excerpt.snapshot->index,
                         excerpt.snapshot->term);
    }
    return fmt::format("log-excerpt {} {}/{}:{}", excerpt.matched ? "after" : "no match, try",
                       excerpt.previous_index, excerpt.previous_term, list(excerpt.entries));
  }
  std::string operator()(const TimeoutNow&) const {
    return fmt::format("timeout-now term {}", term);
  }
  std::string operator()(const Released&) const { return fmt::format("released term {}", term); }
  std::string operator()(const Hello& hello) const {
    return fmt::format("hello{}{}", hello.belongs ? " belongs" : " new",
                       hello.answer_wanted ? " answer-wanted" : "");
  }
};

}  // namespace

std::string describe(const Message& message) {
  return std::visit(Describe{message.term}, message.body);
}

std::string describe(const Entry& entry) {
  std::string what = "no-op";
  if (const auto* command = std::get_if<Command>(&entry.body)) {
    what = fmt::format("command {}.{}", command->id.client, command->id.sequence);
  } else if (const auto* configuration = std::get_if<Configuration>(&entry.body)) {
    what = "voters " + to_string(*configuration);
  }
  return fmt::format("{}/{}({})", entry.index, entry.term, what);
}

}  // namespace tandem::core
