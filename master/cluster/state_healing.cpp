// The part of ClusterMember that keeps its applied state equal to the primary's.
//
// States are equal because they follow from one log. If this master's is not, because of a fault of
// a disk, of memory or of a version, it reports that, does not count as a standby in sync, and
// replaces its state by the primary's. Its log does not change, so its promises as a voter are not
// affected.
#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/cluster_member.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// The pause after which a primary that gave no state, or one that was too old, is asked again.
constexpr Duration retry_after = 1s;
constexpr std::uint64_t id_max = (std::uint64_t{1} << 53) - 1;

std::string document_of(const core::Snapshot& state) {
  return wire::dump_exactly(
      {{"index", state.index.value()}, {"term", state.term.value()}, {"state", state.bytes}});
}

Result<core::Snapshot> parse_document(std::string_view text) {
  const auto json = wire::parse_object(text, limits::cluster_body_bytes_max);
  if (!json) return json.error();
  core::Snapshot state;
  wire::MemberReader reader(*json);
  reader.number("index", state.index, 1, id_max);
  reader.number("term", state.term, 1, id_max);
  reader.text("state", state.bytes, limits::snapshot_bytes_max);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return state;
}

}  // namespace

wire::StateDigest ClusterMember::digest() const {
  return {state_.applied(), state_.term(), state_.digest()};
}

void ClusterMember::say_applied() {
  asio::post(loop_, [this, applied = digest()] { coordination_->set_applied(applied); });
  say_differing();
}

void ClusterMember::say_differing() {
  std::vector<std::string> names;
  for (const auto& [node, difference] : agreement_.differing()) names.emplace_back(node.name());
  if (names == said_differing_) return;
  said_differing_ = names;
  asio::post(loop_, [this, names = std::move(names)] { coordination_->set_differing(names); });
}

// The fault may be in the stored snapshot, so it is replaced as soon as the new state is committed
// here.
void ClusterMember::store_healed() {
  if (!healed_ || view_.commit < *healed_ || healing_) return;
  healed_.reset();
  take_snapshot(restores_);
}

void ClusterMember::mind_agreement(Instant now) {
  store_healed();
  const bool differs = !is_primary() && agreement_.differs_from(view_.primary);
  if (!differs || healing_ || now < heal_again_ || !hooks_.fetch_state) return;
  if (!view_.primary_addresses) return;
  healing_ = true;
  asio::co_spawn(control_loop_, heal(view_.primary_addresses->control), asio::detached);
}

asio::awaitable<void> ClusterMember::heal(Endpoint primary) {
  auto fetching = hooks_.fetch_state(std::move(primary));
  const auto document = co_await std::move(fetching);
  healing_ = false;
  heal_again_ = now() + retry_after;
  if (closed_) co_return;
  if (document) {
    take_over(*document);
  } else {
    log::error("state cannot be fetched reason=\"{}\"", document.error().message);
  }
  apply(std::exchange(held_, {}));
  store_healed();
}

// A state that is older than the applied one would lack entries that are no longer available; the
// next one will not.
void ClusterMember::take_over(std::string_view document) {
  const auto state = parse_document(document);
  if (!state) return log::error("state cannot be read reason=\"{}\"", state.error().message);
  if (state->index < state_.applied()) return;
  auto held = std::exchange(held_, {});
  const auto before = digest();
  restore(*state);
  held_ = std::move(held);
  if (gave_up_) return;
  healed_ = state->index;
  log::warn("state replaced by the primary's index={} was={:016x} is={:016x}", state->index,
            before.digest, digest().digest);
}

Result<std::string> ClusterMember::state_to_fetch(Instant now) const {
  if (!may_decide(now)) return undecided();
  return document_of({state_.applied(), state_.term(), {}, state_.to_bytes()});
}

}  // namespace tandem::master
