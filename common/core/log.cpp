#include "common/core/log.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::core {

namespace {
std::size_t bytes_of(const Entry& entry) {
  const auto* command = std::get_if<Command>(&entry.body);
  return command == nullptr ? 0 : command->bytes.size();
}
}  // namespace

Log::Log(const Snapshot& snapshot, std::vector<Entry> entries)
    : snapshot_index_(snapshot.index),
      snapshot_term_(snapshot.term),
      configurations_{{snapshot.index, snapshot.configuration}} {
  TANDEM_ASSERT(snapshot.index.value() > 0 || snapshot.term.value() == 0);
  for (auto& entry : entries) append(std::move(entry));
  TANDEM_ASSERT(last_index().value() == snapshot.index.value() + entries.size());
}

std::optional<Term> Log::term_at(LogIndex index) const {
  if (index == snapshot_index_) return snapshot_term_;
  if (index < snapshot_index_ || index > last_index()) return std::nullopt;
  return at(index).term;
}

const Entry& Log::at(LogIndex index) const {
  TANDEM_ASSERT(index > snapshot_index_);
  TANDEM_ASSERT(index <= last_index());
  return entries_[index.value() - snapshot_index_.value() - 1];
}

std::vector<Entry> Log::slice(LogIndex from, std::size_t count_max, std::size_t bytes_max) const {
  TANDEM_ASSERT(from > snapshot_index_);
  TANDEM_ASSERT(count_max > 0);
  std::vector<Entry> found;
  std::size_t bytes = 0;
  for (LogIndex index = from; index <= last_index() && found.size() < count_max;
       index = index.next()) {
    bytes += bytes_of(at(index));
    if (!found.empty() && bytes > bytes_max) break;
    found.push_back(at(index));
  }
  return found;
}

LogIndex Log::before_term_of(LogIndex index) const {
  const Term term = at(index).term;
  LogIndex before(index.value() - 1);
  while (before > snapshot_index_ && at(before).term == term) before = LogIndex(before.value() - 1);
  TANDEM_ASSERT(before < index);
  TANDEM_ASSERT(before >= snapshot_index_);
  return before;
}

void Log::append(Entry entry) {
  TANDEM_ASSERT(entry.index == last_index().next());
  TANDEM_ASSERT(entry.term >= last_term());
  if (const auto* configuration = std::get_if<Configuration>(&entry.body)) {
    configurations_.emplace_back(entry.index, *configuration);
  }
  entries_.push_back(std::move(entry));
}

void Log::truncate_from(LogIndex index) {
  TANDEM_ASSERT(index > snapshot_index_);
  while (last_index() >= index) entries_.pop_back();
  while (configurations_.size() > 1 && configurations_.back().first >= index)
    configurations_.pop_back();
  TANDEM_ASSERT(last_index() < index);
}

void Log::compact_to(const Snapshot& snapshot) {
  TANDEM_ASSERT(snapshot.index >= snapshot_index_);
  if (term_at(snapshot.index) != snapshot.term) return reset_to(snapshot);
  while (snapshot_index_ < snapshot.index) {
    snapshot_index_ = snapshot_index_.next();
    snapshot_term_ = entries_.front().term;
    entries_.pop_front();
  }
  const auto later = std::find_if(configurations_.begin(), configurations_.end(),
                                  [&](const auto& known) { return known.first > snapshot.index; });
  configurations_.erase(configurations_.begin(), later);
  configurations_.emplace(configurations_.begin(), snapshot.index, snapshot.configuration);
  TANDEM_ASSERT(snapshot_index_ == snapshot.index);
}

void Log::reset_to(const Snapshot& snapshot) {
  TANDEM_ASSERT(snapshot.index.value() > 0 || snapshot.term.value() == 0);
  entries_.clear();
  snapshot_index_ = snapshot.index;
  snapshot_term_ = snapshot.term;
  configurations_.assign(1, {snapshot.index, snapshot.configuration});
  TANDEM_ASSERT(last_index() == snapshot.index);
}

const Configuration& Log::configuration_at(LogIndex index) const {
  TANDEM_ASSERT(index >= snapshot_index_);
  TANDEM_ASSERT(!configurations_.empty());
  auto known = configurations_.rbegin();
  while (known->first > index && std::next(known) != configurations_.rend()) ++known;
  return known->second;
}

bool Log::was_ever_protected() const {
  TANDEM_ASSERT(!configurations_.empty());
  return std::any_of(configurations_.begin(), configurations_.end(),
                     [](const auto& each) { return each.second.was_protected; });
}

bool Log::is_covered_by(LogIndex index, Term term) const {
  TANDEM_ASSERT(last_term() >= snapshot_term_);
  return term != last_term() ? term > last_term() : index >= last_index();
}

bool Log::is_behind(LogIndex index, Term term) const {
  return is_covered_by(index, term) && (index != last_index() || term != last_term());
}

}  // namespace tandem::core
