// ids.hpp: who is who in a cluster.
//
// A NodeId is a node's name, kept inline: messages and configurations carry names that people read,
// and copying one allocates nothing. A name alone is not an identity: a node that lost its disk
// comes back with the same name and none of its promises. So every data directory carries an
// IncarnationId, drawn when the directory is created, and a member of the cluster is the pair of
// both (R9).
//
// Units: none. Owner: values, any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

#include "common/base/assert.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/base/strong.hpp"

namespace tandem::core {

// Drawn at random when a data directory is created; below 2^53, so that every JSON reader keeps it
// exact. 0 = not known.
using IncarnationId = StrongNumber<struct IncarnationIdTag>;
// Drawn when a cluster is founded, carried by every message: two clusters never mix. 0 = none yet.
using ClusterId = StrongNumber<struct ClusterIdTag>;
// Numbers the writes of one node, from 1. 0 = nothing to wait for.
using WriteNumber = StrongNumber<struct WriteNumberTag>;
// Distinguishes successive runs of one process, so that messages to an earlier run are not
// believed.
using SessionId = StrongNumber<struct SessionIdTag>;

class NodeId {
 public:
  constexpr NodeId() = default;  // nobody
  // REQUIRES: is_name(name)
  explicit NodeId(std::string_view name) : size_(static_cast<std::uint8_t>(name.size())) {
    TANDEM_ASSERT(is_name(name));
    for (std::size_t i = 0; i < name.size(); ++i) bytes_[i] = name[i];
  }

  std::string_view name() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }

  // The bytes behind the name are zero, so comparing all of them compares the names.
  friend bool operator==(const NodeId& a, const NodeId& b) {
    return a.size_ == b.size_ && a.name() == b.name();
  }
  friend std::strong_ordering operator<=>(const NodeId& a, const NodeId& b) {
    return a.name() <=> b.name();
  }

 private:
  std::array<char, limits::name_bytes_max> bytes_{};
  std::uint8_t size_ = 0;
};

struct MemberId {
  NodeId node;
  IncarnationId incarnation;

  bool empty() const { return node.empty(); }
  friend bool operator==(const MemberId& a, const MemberId& b) {
    return a.incarnation == b.incarnation && a.node == b.node;
  }
  friend auto operator<=>(const MemberId&, const MemberId&) = default;
};

// Identifies one change of one client, so that a change that is sent twice is applied once.
struct CommandId {
  std::uint64_t client = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const CommandId&, const CommandId&) = default;
};

}  // namespace tandem::core

template <>
struct fmt::formatter<tandem::core::NodeId> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const tandem::core::NodeId& node, Context& context) const {
    return fmt::formatter<std::string_view>::format(node.empty() ? "-" : node.name(), context);
  }
};
