// plain_heartbeat.hpp: heartbeats in the form in which nearly all of them come, read without a tree
// of the document. Internal to common/wire: a part of parse_heartbeat().
#pragma once

#include <optional>
#include <string_view>

#include "common/wire/heartbeat.hpp"

namespace tandem::wire {

// Nothing, when anything about it is unusual, or wrong: then parse_heartbeat() reads it as a
// document and says what is wrong.
std::optional<Heartbeat> read_plain_heartbeat(std::string_view json);

}  // namespace tandem::wire
