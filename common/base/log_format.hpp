// log_format.hpp: a line of the log as JSON, and as fields of systemd's journal. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// An event and its fields, `voters changed voters="a, b" quorum=2`, as members of an object without
// its braces: "event":"voters changed","voters":"a, b","quorum":2. What is all digits is a number.
// Where a name comes twice, or is "time" or "level", the first one counts, so that text from a
// stranger cannot replace what we say.
void append_log_members(std::string& out, std::string_view event);

// The same as a message in the native protocol of the journal: MESSAGE, which is the whole line,
// PRIORITY, SYSLOG_IDENTIFIER, and each field with its name in capitals behind TANDEM_. REQUIRES:
// the event is printable, and so on one line.
std::string journal_message(std::string_view event, char priority, std::string_view program);

}  // namespace tandem
