// features.hpp: what members of different versions may send each other.
//
// A feature level says what messages between members, snapshots and the log may contain. A cluster
// has one, in its replicated state. The primary raises it, by a committed change, once every voter
// and every master has announced that it supports the next one; it is never lowered. Until then a
// newer member writes only what older ones can read, so members can be upgraded one by one, in any
// order. Each level includes those below it.
//
// A member announces the highest level that it supports, and the one that it uses, in a header
// field of each request to another member, because older members ignore unknown fields but refuse
// unknown members of documents:
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
// What existed before there were levels: a member that announces nothing is at this one.
inline constexpr FeatureLevel oldest{1};
// The masters are in the log; the outcomes of changes are decided by the log alone; members compare
// digests of their states, and report when they cannot write their logs.
inline constexpr FeatureLevel agreed_state{2};
// What a worker speaks stands in the log, and settings that speak of protocols and of gRPC.
inline constexpr FeatureLevel worker_protocols{3};
// Settings that speak of certificates, of TLS to workers, or of the PROXY protocol.
inline constexpr FeatureLevel edge_settings{4};
// That a worker serves TLS by its certificate of the cluster stands in the log.
inline constexpr FeatureLevel inner_tls{5};
// Masters that do not lead may forward under grants (core/serving_grant.hpp).
inline constexpr FeatureLevel serving_grants{6};
// Masters say where other masters pass requests on to them (--listen-inner).
inline constexpr FeatureLevel inner_addresses{7};
// Who asked for a change stands in the log beside it.
inline constexpr FeatureLevel change_authors{8};
// Witnesses without a port, which make the connections to the masters, stand in the log.
inline constexpr FeatureLevel dialing_witnesses{9};
inline constexpr FeatureLevel newest = dialing_witnesses;
}  // namespace features

struct Features {
  FeatureLevel can = features::oldest;    // the highest that the member supports
  FeatureLevel level = features::oldest;  // the one that it uses: its cluster's, as far as it knows
  friend bool operator==(const Features&, const Features&) = default;
};

inline constexpr std::string_view features_field = "Tandem-Features";

std::string to_string(const Features& features);
// A field that is not understood counts as absent.
Features parse_features(std::string_view field);

}  // namespace tandem::wire
