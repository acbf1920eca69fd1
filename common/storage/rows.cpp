#include "common/storage/rows.hpp"

#include <fmt/format.h>

#include "common/storage/checksum.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::storage {

namespace {

constexpr std::uint64_t kIncarnationMax = (std::uint64_t{1} << 53) - 1;

std::uint64_t checksum_of(const Meta& meta) {
  const auto& state = meta.hard_state;
  return Checksum()
      .add(meta.incarnation.value())
      .add(state.cluster.value())
      .add(state.term.value())
      .add(state.vote.node.name())
      .add(state.vote.incarnation.value())
      .value();
}

std::uint64_t checksum_of(std::uint64_t index, std::uint64_t term, std::string_view body) {
  return Checksum().add(index).add(term).add(body).value();
}

std::uint64_t checksum_of(std::uint64_t index, std::uint64_t term, std::string_view configuration,
                          std::string_view bytes) {
  return Checksum().add(index).add(term).add(configuration).add(bytes).value();
}

// The entry in the row that the statement is at.
Result<core::Entry> entry_in(const Statement& row) {
  const auto index = row.number(0);
  const auto term = row.number(1);
  const auto body = row.text(2);
  if (row.number(3) != checksum_of(index, term, body)) {
    return invalid(fmt::format("entry {} is not what was written", index));
  }
  auto entry = wire::parse_entry(body);
  if (!entry) {
    return invalid(fmt::format("entry {} cannot be read: {}", index, entry.error().message));
  }
  if (entry->index.value() != index || entry->term.value() != term) {
    return invalid(fmt::format("entry {} is in the place of another", index));
  }
  return entry;
}

}  // namespace

int put_meta(Statement& statement, core::IncarnationId incarnation, const core::HardState& state) {
  statement.bind(1, incarnation.value());
  statement.bind(2, state.cluster.value());
  statement.bind(3, state.term.value());
  statement.bind_text(4, state.vote.node.name());
  statement.bind(5, state.vote.incarnation.value());
  statement.bind(6, checksum_of({incarnation, state}));
  return statement.run();
}

int put_entry(Statement& statement, const core::Entry& entry) {
  const auto body = wire::to_json(entry);
  statement.bind(1, entry.index.value());
  statement.bind(2, entry.term.value());
  statement.bind_text(3, body);
  statement.bind(4, checksum_of(entry.index.value(), entry.term.value(), body));
  return statement.run();
}

int put_snapshot(Statement& statement, const core::Snapshot& snapshot) {
  const auto configuration = wire::to_json(snapshot.configuration);
  const auto index = snapshot.index.value();
  const auto term = snapshot.term.value();
  statement.bind(1, index);
  statement.bind(2, term);
  statement.bind_text(3, configuration);
  statement.bind_blob(4, snapshot.bytes);
  statement.bind(5, checksum_of(index, term, configuration, snapshot.bytes));
  return statement.run();
}

Result<Meta> read_meta(Connection& connection) {
  auto row = connection.prepare(
      "SELECT incarnation, cluster, term, vote_node, vote_incarnation, checksum FROM meta");
  if (!row) return row.error();
  const int rc = row->step();
  if (rc == SQLITE_DONE) return invalid("its incarnation is missing");
  if (rc != SQLITE_ROW) return connection.failure();
  const auto vote_node = row->text(3);
  Meta meta;
  meta.incarnation = core::IncarnationId(row->number(0));
  meta.hard_state.cluster = core::ClusterId(row->number(1));
  meta.hard_state.term = Term(row->number(2));
  if (is_name(vote_node)) meta.hard_state.vote.node = core::NodeId(vote_node);
  meta.hard_state.vote.incarnation = core::IncarnationId(row->number(4));
  // A vote for an invalid name, which is not in `meta`, fails here too.
  if (row->number(5) != checksum_of(meta) || meta.hard_state.vote.node.name() != vote_node ||
      meta.incarnation.value() == 0 || meta.incarnation.value() > kIncarnationMax) {
    return invalid("its term and vote are not what was written");
  }
  return meta;
}

Result<core::SnapshotPointer> read_snapshot(Connection& connection) {
  auto row =
      connection.prepare("SELECT log_index, term, configuration, bytes, checksum FROM snapshot");
  if (!row) return row.error();
  const int rc = row->step();
  if (rc == SQLITE_DONE) return core::SnapshotPointer();
  if (rc != SQLITE_ROW) return connection.failure();
  auto snapshot = std::make_shared<core::Snapshot>();
  snapshot->index = LogIndex(row->number(0));
  snapshot->term = Term(row->number(1));
  const auto text = row->text(2);
  snapshot->bytes = row->text(3);
  if (row->number(4) != checksum_of(row->number(0), row->number(1), text, snapshot->bytes)) {
    return invalid("its snapshot is not what was written");
  }
  auto configuration = wire::parse_configuration(text);
  if (!configuration) {
    return invalid(
        fmt::format("its snapshot's voters cannot be read: {}", configuration.error().message));
  }
  snapshot->configuration = std::move(*configuration);
  return core::SnapshotPointer(std::move(snapshot));
}

Result<std::vector<core::Entry>> read_entries(Connection& connection,
                                              const core::Snapshot* snapshot, Term term_max) {
  auto row =
      connection.prepare("SELECT log_index, term, body, checksum FROM entry ORDER BY log_index");
  if (!row) return row.error();
  LogIndex last = snapshot == nullptr ? LogIndex(0) : snapshot->index;
  Term term = snapshot == nullptr ? Term(0) : snapshot->term;
  std::vector<core::Entry> entries;
  int rc = SQLITE_OK;
  while ((rc = row->step()) == SQLITE_ROW) {
    auto entry = entry_in(*row);
    if (!entry) return entry.error();
    if (entry->index != last.next()) {
      return invalid(
          fmt::format("entry {} is missing, {} is in its place", last.next(), entry->index));
    }
    if (entry->term < term) return invalid(fmt::format("the term falls at entry {}", entry->index));
    last = entry->index;
    term = entry->term;
    entries.push_back(std::move(*entry));
  }
  if (rc != SQLITE_DONE) return connection.failure();
  if (term > term_max) return invalid("it holds entries of a later term than its own");
  return entries;
}

}  // namespace tandem::storage
