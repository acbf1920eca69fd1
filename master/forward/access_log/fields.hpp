// fields.hpp: the members that a line of the access log can have, and which of them an operator has
// chosen.
//
// A new member is a row of the table in fields.cpp, a case in line.cpp, and, if no entry has it
// yet, a member of AccessEntry. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace tandem::master {

enum class AccessField : std::uint8_t {
  time,
  client,
  method,
  target,
  protocol,
  status,
  bytes,
  duration_ms,
  worker,
  attempts,
  request_id,
  term,
  service,
  // From here on: only if they are asked for.
  host,
  user_agent,
  referer,
  tls,
  route,
  first_byte_ms,
  request_bytes,
  trace_id,
};

std::string_view name_of(AccessField field);
// Nothing when no field has that name.
const AccessField* find_access_field(std::string_view name);

// A set, in the order in which its members are written.
class AccessFields {
 public:
  // Those that are written when nothing is said about them.
  static AccessFields usual();
  static AccessFields all();

  void add(AccessField field);
  bool has(AccessField field) const { return (set_ & bit(field)) != 0; }
  // One that is not written unless it is asked for.
  bool has_unusual() const { return (set_ >> static_cast<unsigned>(AccessField::host)) != 0; }
  const std::vector<AccessField>& in_order() const { return order_; }

 private:
  static std::uint32_t bit(AccessField field) {
    return std::uint32_t{1} << static_cast<unsigned>(field);
  }

  std::uint32_t set_ = 0;
  std::vector<AccessField> order_;
};

// "all", or names between commas; "+NAME" adds to the usual ones. Errors: `invalid`, naming `flag`
// and the names that there are.
Result<AccessFields> parse_access_fields(std::string_view text, std::string_view flag);
// For help texts: the names, between commas.
std::string access_field_names(const AccessFields& fields = AccessFields::all());

}  // namespace tandem::master
