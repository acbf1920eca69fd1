// The commands of the log: what one master proposes, all others apply, and each finds on its disk.
#include "fixpoint.hpp"
#include "input.hpp"
#include "master/registry/cluster_state.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, master::parse_authored_change);
  const auto authored = master::parse_authored_change(text);
  if (!authored.ok()) return 0;
  const auto& change = authored->change;
  // No master applies what is of a later version: state_check() refuses it before it is on a disk.
  const auto* raise = std::get_if<master::RaiseFeatureLevel>(&change);
  if (raise != nullptr && raise->level > wire::features::newest) return 0;
  // A state that it makes can be read again by whoever gets it as a snapshot.
  master::ClusterState state;
  (void)state.apply(change);
  (void)state.apply(change);
  const auto written = to_json(state);
  const auto read = master::parse_cluster_state(written);
  TANDEM_ASSERT(read.ok());
  TANDEM_ASSERT(to_json(*read) == written);
  return 0;
}
