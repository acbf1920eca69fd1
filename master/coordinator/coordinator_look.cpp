#include "master/coordinator/coordinator_look.hpp"

#include <fmt/format.h>

#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace {

enum Part : std::size_t { leader, cluster, successor, terms, state, masters, changes, parts };

Error about(const std::string& key, const Error& error) {
  return invalid(fmt::format("{}: {}", key, error.message));
}

// Null: it does not exist.
const CoordinatorKey* only_key(const EtcdRange& range) {
  return range.keys.empty() ? nullptr : &range.keys.front();
}

Result<> take_single_keys(const std::vector<EtcdRange>& ranges, CoordinatorLook& look) {
  if (const auto* key = only_key(ranges[leader])) {
    const auto node = read_node_document(key->value);
    if (!node) return about(key->key, node.error());
    look.leader = {*node, key->create_revision, key->lease};
  }
  if (const auto* key = only_key(ranges[cluster])) {
    const auto id = read_number_document("id", key->value);
    if (!id) return about(key->key, id.error());
    look.cluster = *id;
  }
  if (const auto* key = only_key(ranges[successor])) {
    const auto node = read_node_document(key->value);
    if (!node) return about(key->key, node.error());
    look.successor = *node;
  }
  if (const auto* key = only_key(ranges[terms])) {
    const auto above = read_number_document("above", key->value);
    if (!above) return about(key->key, above.error());
    look.terms_above = *above;
  }
  if (const auto* key = only_key(ranges[state])) {
    const auto place = read_state_place(key->value);
    if (!place) return about(key->key, place.error());
    look.state = *place;
  }
  return {};
}

}  // namespace

EtcdTxn& read_look(EtcdTxn& txn, const CoordinatorKeys& keys, LogIndex last) {
  return txn.read(keys.leader())
      .read(keys.cluster())
      .read(keys.successor())
      .read(keys.terms())
      .read(keys.state())
      .read(keys.masters(), behind(keys.masters()), limits::coordinator_masters_max)
      .read(keys.change(last.next()), behind(keys.changes()), limits::coordinator_changes_read_max);
}

Result<CoordinatorLook> take_look(const CoordinatorKeys& keys, EtcdTxnAnswer answer) {
  if (answer.ranges.size() != parts) return invalid("it is no answer to what was asked");
  CoordinatorLook look;
  look.revision = answer.revision;
  if (auto taken = take_single_keys(answer.ranges, look); !taken) return taken.error();
  for (const auto& key : answer.ranges[masters].keys) {
    auto master = read_master_document(key.value);
    // One that cannot be read is not spoken to; that ends nothing else.
    if (!master || key.key != keys.master(master->node.name())) continue;
    look.masters.insert_or_assign(master->node, std::move(*master));
  }
  for (const auto& key : answer.ranges[changes].keys) {
    auto entry = read_change(keys, key.key, key.value);
    if (!entry) return about(key.key, entry.error());
    look.changes.push_back(std::move(*entry));
  }
  look.more = answer.ranges[changes].more;
  return look;
}

}  // namespace tandem::master
