// cluster_messages.hpp: the core's messages as parts of documents. Internal to common/wire.
//
//   {"cluster": 7, "from": {"node": "a", "incarnation": 5}, "to": {...}, "term": 3,
//    "append": {"previous_index": 7, "previous_term": 3, "entries": [], "commit": 7,
//               "sent": 1234567890, "in_sync": 0}}
//
// The last member is the body, named after its kind.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/core/messages.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

// REQUIRES: as document_of(Entry)
nlohmann::ordered_json document_of(const core::Message& message);
void read(MemberReader& reader, core::Message& message);

}  // namespace tandem::wire
