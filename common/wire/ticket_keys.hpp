// ticket_keys.hpp: POST /cluster/ticket-keys, standby -> primary: how the keys of session tickets
// (TLS for clients) come from the primary to all masters, in memory alone.
//
//   {"node": "b", "have": "7c1f...", "key": "64 hex digits"}
//
// `have` is the version of the ring that the standby has, which acknowledges it; `key` the public
// key of a pair that it made at its start. The answer is 204 when that is the primary's ring, else
//
//   {"key": "64 hex digits", "ring": "hex digits"}
//
// with the primary's public key for this answer, and the ring sealed for the standby
// (common/base/sealed_text.hpp).
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::wire {

inline constexpr std::string_view ticket_keys_path = "/cluster/ticket-keys";

struct TicketKeysQuestion {
  std::string node;
  std::string have;  // at most 64 bytes
  std::string key;
};

struct TicketKeysAnswer {
  std::string key;
  std::string ring;
};

std::string to_json(const TicketKeysQuestion& question);
std::string to_json(const TicketKeysAnswer& answer);
// Errors: `invalid`, naming the member at fault. What a later version adds is ignored.
Result<TicketKeysQuestion> parse_ticket_keys_question(std::string_view json);
Result<TicketKeysAnswer> parse_ticket_keys_answer(std::string_view json);

}  // namespace tandem::wire
