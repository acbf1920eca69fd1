// log_entries.hpp: entries, configurations and snapshots as parts of documents, the same in
// messages and on the disk. Internal to common/wire.
//
//   {"index": 8, "term": 3, "command": {"client": 1, "sequence": 2, "bytes": "..."}}
//   {"index": 9, "term": 3, "no_op": {}}
//   {"index": 10, "term": 3, "configuration": {"voters": [{"node": "a", "incarnation": 5,
//    "kind": "master", "since": 1}], "pair": false, "was_protected": false}}
//   (and "grants": true while the cluster uses them)
//
// What is read here satisfies the core's assumptions about any single entry (log.hpp,
// configuration.hpp); whether it fits into a log is for the core to check.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "common/core/entry.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

// Ids, terms and indexes: every JSON reader keeps numbers below 2^53 exact (RFC 8259 §6).
inline constexpr std::uint64_t id_max = (std::uint64_t{1} << 53) - 1;

// REQUIRES: the bytes of commands and snapshots are UTF-8, like all text in documents.
nlohmann::ordered_json document_of(const core::Entry& entry);
nlohmann::ordered_json document_of(const core::Configuration& configuration);
nlohmann::ordered_json document_of(const core::Snapshot& snapshot);
nlohmann::ordered_json document_of(const core::MemberId& member);

void read(MemberReader& reader, core::Entry& entry);
void read(MemberReader& reader, core::Configuration& configuration);
void read(MemberReader& reader, core::Snapshot& snapshot);
// The incarnation is at least `incarnation_min`.
void read(MemberReader& reader, core::MemberId& member, std::uint64_t incarnation_min);

// Reads the member `key`, an object, with `read_members`; null when that failed or the member is
// absent.
template <class ReadMembers>
void read_part(MemberReader& reader, const char* key, ReadMembers read_members) {
  const auto* object = reader.object(key);
  if (object == nullptr) return;
  MemberReader part(*object, reader.path_of(key));
  read_members(part);
  const auto finished = part.finish(UnknownMembers::refuse);
  if (!finished.ok()) reader.refuse(finished.error());
}

// The member `key`, an array of at most `count_max` objects.
template <class Item, class ReadMembers>
void read_parts(MemberReader& reader, const char* key, std::vector<Item>& items,
                std::size_t count_max, ReadMembers read_members) {
  const auto elements = reader.elements(key, count_max);
  items.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    MemberReader part(*elements[i], reader.path_of(key, i));
    read_members(part, items.emplace_back());
    const auto finished = part.finish(UnknownMembers::refuse);
    if (!finished.ok()) return reader.refuse(finished.error());
  }
}

}  // namespace tandem::wire
