// features.hpp: what members of different versions may say to each other.
//
// A feature level is a dialect: what may stand in messages between members, in snapshots and in the
// log. A cluster has one, in the replicated state. The primary raises it, by a committed change,
// once every voter and every master has said that it can; it is never lowered. Until then a newer
// member writes what older ones read, so members can be upgraded one by one, in any order. Each
// level includes those below it.
//
// What a member can, and the level that it goes by, is said in a field of the head of each request
// between members, for older members pass over fields that they do not know, and refuse members of
// documents that they do not know:
//
//   Tandem-Features: 2;level=1
//
// Owner: values, any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/strong.hpp"

namespace tandem::wire {

using FeatureLevel = StrongNumber<struct FeatureLevelTag>;

namespace features {
// All that was there before levels were: whoever says nothing is here.
inline constexpr FeatureLevel oldest{1};
// The masters stand in the log; changes have outcomes that the log alone decides; members compare
// digests of their states, and say when they cannot write their logs.
inline constexpr FeatureLevel agreed_state{2};
inline constexpr FeatureLevel newest = agreed_state;
}  // namespace features

struct Features {
  FeatureLevel can = features::oldest;    // the highest that the member understands
  FeatureLevel level = features::oldest;  // that it goes by: its cluster's, as far as it knows
  friend bool operator==(const Features&, const Features&) = default;
};

inline constexpr std::string_view features_field = "Tandem-Features";

std::string to_string(const Features& features);
// What is not understood counts as not said.
Features parse_features(std::string_view field);

}  // namespace tandem::wire
