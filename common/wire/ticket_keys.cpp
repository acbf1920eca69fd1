#include "common/wire/ticket_keys.hpp"

#include <nlohmann/json.hpp>

#include "common/base/sealed_text.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

namespace {

constexpr std::size_t document_bytes_max = 4 * 1024;  // a sealed ring has some hundreds
constexpr std::size_t version_bytes_max = 64;

}  // namespace

std::string to_json(const TicketKeysQuestion& question) {
  return dump({{"node", question.node}, {"have", question.have}, {"key", question.key}});
}

std::string to_json(const TicketKeysAnswer& answer) {
  return dump({{"key", answer.key}, {"ring", answer.ring}});
}

Result<TicketKeysQuestion> parse_ticket_keys_question(std::string_view json) {
  const auto document = parse_object(json, document_bytes_max);
  if (!document) return document.error();
  TicketKeysQuestion question;
  MemberReader reader(*document);
  reader.name("node", question.node);
  reader.text("have", question.have, version_bytes_max);
  reader.text("key", question.key, SealingKey::digits);
  if (auto finished = reader.finish(UnknownMembers::ignore_scalars); !finished) {
    return finished.error();
  }
  return question;
}

Result<TicketKeysAnswer> parse_ticket_keys_answer(std::string_view json) {
  const auto document = parse_object(json, document_bytes_max);
  if (!document) return document.error();
  TicketKeysAnswer answer;
  MemberReader reader(*document);
  reader.text("key", answer.key, SealingKey::digits);
  reader.text("ring", answer.ring, document_bytes_max);
  if (auto finished = reader.finish(UnknownMembers::ignore_scalars); !finished) {
    return finished.error();
  }
  return answer;
}

}  // namespace tandem::wire
