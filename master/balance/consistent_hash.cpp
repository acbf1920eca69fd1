#include "master/balance/consistent_hash.hpp"

#include <cmath>
#include <unordered_map>

#include "master/balance/policy_factory.hpp"

namespace tandem::master {

namespace {
// After this all workers are examined. With half of the workers out, one key in four billion gets
// this far.
constexpr std::size_t slots_tried_max = 32;
}  // namespace

ConsistentHash::ConsistentHash(std::shared_ptr<MaglevBuilder> builder, const std::string& service,
                               std::uint64_t seed)
    : builder_(std::move(builder)), slot_(builder_->slot(service)), random_(seed) {}

void ConsistentHash::update(std::span<const Candidate> candidates) {
  std::unordered_map<WorkerId, unsigned> in_flight;
  for (std::size_t place = 0; place < workers_.size(); ++place) {
    in_flight.emplace(workers_[place], loads_[place].in_flight);
  }
  double weights = 0;
  for (const auto& candidate : candidates) weights += candidate.weight;
  loads_.clear();
  workers_.clear();
  names_.clear();
  in_flight_ = 0;
  std::vector<MaglevMember> members;
  for (const auto& candidate : candidates) {
    const auto known = in_flight.find(candidate.id);
    loads_.push_back({.share = static_cast<float>(candidate.weight / weights),
                      .in_flight = known == in_flight.end() ? 0 : known->second});
    workers_.push_back(candidate.id);
    names_.emplace_back(candidate.name);
    in_flight_ += loads_.back().in_flight;
    members.push_back({std::string(candidate.name), candidate.full_weight});
  }
  if (!members.empty()) builder_->want(slot_, std::move(members));
  adopt_table();
}

void ConsistentHash::adopt_table() {
  table_version_ =
      slot_->version();  // read first: a table that comes in between is adopted next time
  table_ = slot_->table();
  place_of_.clear();
  if (!table_) return;
  std::unordered_map<std::string_view, std::uint32_t> places;
  for (std::uint32_t place = 0; place < names_.size(); ++place) {
    places.emplace(names_[place], place);
  }
  for (const auto& member : table_->members()) {
    const auto found = places.find(member.name);
    place_of_.push_back(found == places.end() ? nowhere : found->second);
  }
}

bool ConsistentHash::is_over_bound(std::size_t place) const {
  const auto& load = loads_[place];
  const double fair = (in_flight_ + 1.0) * static_cast<double>(load.share);
  return load.in_flight + 1 > std::ceil(bound * fair);
}

std::optional<std::size_t> ConsistentHash::pick(const Selection& selection) {
  if (workers_.empty()) return std::nullopt;
  if (slot_->version() != table_version_) adopt_table();
  const auto key = selection.key ? *selection.key : random_.next();
  if (table_) {
    auto slot = static_cast<std::size_t>(key % MaglevTable::slot_count);
    for (std::size_t tried = 0; tried < slots_tried_max; ++tried) {
      const auto place = place_of_[table_->at(slot)];
      if (place != nowhere && !is_over_bound(place) && selection.usable(place)) return place;
      slot = slot + 1 < MaglevTable::slot_count ? slot + 1 : 0;
    }
  }
  return search(static_cast<std::size_t>(key % workers_.size()), selection.usable);
}

// The first usable worker within its bound, from `start` on; if there is none, the first usable
// one.
std::optional<std::size_t> ConsistentHash::search(std::size_t start, Usable usable) const {
  std::optional<std::size_t> over_bound;
  for (std::size_t step = 0; step < workers_.size(); ++step) {
    const auto place = (start + step) % workers_.size();
    if (!usable(place)) continue;
    if (!is_over_bound(place)) return place;
    if (!over_bound) over_bound = place;
  }
  return over_bound;
}

void ConsistentHash::began(std::size_t place) {
  TANDEM_ASSERT(place < loads_.size());
  ++loads_[place].in_flight;
  ++in_flight_;
}

void ConsistentHash::ended(std::size_t place) {
  TANDEM_ASSERT(place < loads_.size() && loads_[place].in_flight > 0);
  --loads_[place].in_flight;
  --in_flight_;
}

std::unique_ptr<Policy> make_consistent_hash(const PolicyContext& context) {
  return std::make_unique<ConsistentHash>(context.factory.maglev(), context.service, context.seed);
}

}  // namespace tandem::master
