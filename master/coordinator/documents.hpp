// documents.hpp: what masters keep in a coordinator, as keys below /tandem/NAME/ and JSON that
// people can read:
//
//   leader            {"node": "a"}                          with the lease of a; its term is that
//   of
//                                                            the key's creation
//   masters/a         {"node": "a", "control": ..., ...}     with the lease of a
//   changes/0...042   {"term": 7, "node": "a", "client": 1, "sequence": 2, "change": {...}}
//                     {"term": 7, "node": "a"}               a leader's first entry
//   state             {"index": 40, "term": 7, "pieces": 2, "bytes": 700000}
//   pieces/0...040/1  a piece of that snapshot of the state
//   cluster           {"id": 4711}
//   successor         {"node": "b"}                          to whom a leader hands over
//   terms             {"above": 12}                          is added to all terms
//
// Documents come from a coordinator that others may write to: they are bounded and checked.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/cluster/cluster_view.hpp"
#include "common/core/entry.hpp"

namespace tandem::master {

// The keys of one cluster.
class CoordinatorKeys {
 public:
  explicit CoordinatorKeys(std::string_view cluster);

  const std::string& all() const { return prefix_; }
  std::string leader() const { return prefix_ + "leader"; }
  std::string masters() const { return prefix_ + "masters/"; }
  std::string master(std::string_view node) const;
  std::string changes() const { return prefix_ + "changes/"; }
  std::string change(LogIndex index) const;
  std::string state() const { return prefix_ + "state"; }
  std::string pieces() const { return prefix_ + "pieces/"; }
  std::string pieces_of(LogIndex index) const;  // a prefix
  std::string piece(LogIndex index, std::size_t number) const;
  std::string cluster() const { return prefix_ + "cluster"; }
  std::string successor() const { return prefix_ + "successor"; }
  std::string terms() const { return prefix_ + "terms"; }

 private:
  std::string prefix_;
};

// The key behind all that begin with this prefix, which ends with a slash.
std::string behind(std::string prefix);

struct MasterDocument {
  core::NodeId node;
  cluster::NodeAddresses addresses;
  wire::FeatureLevel features;  // the highest that it supports
};

// Where a snapshot is.
struct StatePlace {
  LogIndex index;
  Term term;
  std::size_t pieces = 0;
  std::size_t bytes = 0;
};

std::string node_document(const core::NodeId& node);
Result<core::NodeId> read_node_document(std::string_view json);

std::string to_json(const MasterDocument& master);
Result<MasterDocument> read_master_document(std::string_view json);

std::string number_document(const char* member, std::uint64_t number);
Result<std::uint64_t> read_number_document(const char* member, std::string_view json);

std::string to_json(const StatePlace& place);
Result<StatePlace> read_state_place(std::string_view json);

// `command` is a NoOp or a Command whose bytes are a JSON object.
std::string change_document(const core::Entry& entry, const core::NodeId& leader);
// `key`: its own, which says the index.
Result<core::Entry> read_change(const CoordinatorKeys& keys, std::string_view key,
                                std::string_view json);

}  // namespace tandem::master
