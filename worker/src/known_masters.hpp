// known_masters.hpp: the masters to which a worker heartbeats: those configured, those learned from
// answers, and those stored by an earlier run.
//
// The primary's answers name the masters of the cluster. So a worker that knows one of them learns
// all, follows when masters join, leave and move, and finds them again after a restart even if none
// of the configured ones is left.
//
// Pure, except load_known_masters(), which blocks for the disk; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/strong.hpp"
#include "common/wire/heartbeat.hpp"

namespace tandem {

struct KnownMaster {
  std::string name;
  Endpoint control;  // the host may be a name, but not 0.0.0.0 or ::
  friend bool operator==(const KnownMaster&, const KnownMaster&) = default;
};

// Parses "a=10.0.0.1:7070 b=10.0.0.2:7070", the member "masters" of an answer, completely or not at
// all: a master that is not in the list has left, so a partly understood list would end heartbeats
// to a healthy master. Errors: `invalid` for an entry that is not NAME=HOST:PORT, for a repeated
// name or address, and for more than twice limits::masters_max entries (joining and leaving masters
// are both listed).
Result<std::vector<KnownMaster>> parse_known_masters(std::string_view text);
std::string to_string(const std::vector<KnownMaster>& masters);

// Which of the lists in answers counts. A list that says after which entry of the cluster's log it
// was so is as true from a standby as from the primary, and the later one counts, in whatever order
// they arrive: who was removed is not brought back by an answer that was late, nor by a master that
// has fallen behind. Once such a list has been taken, only the masters in it are listened to. Lists
// that do not say it, of earlier versions, count by the term of the primary that sends them.
class NewestMasters {
 public:
  // Whether the list in `reply`, which is `masters`, counts from now on, or still.
  bool take(const wire::HeartbeatReply& reply, const std::vector<KnownMaster>& masters);
  // The names; empty: it is not known who does not belong to the cluster.
  const std::vector<std::string>& names() const { return names_; }

 private:
  bool is_newest(const wire::HeartbeatReply& reply) const;

  Term term_;
  std::string cluster_;
  std::uint64_t as_of_ = 0;
  std::vector<std::string> names_;
};

std::string known_masters_file(const std::string& state_directory);
// Empty when there is no file. Errors: `invalid` and `io`, naming it.
Result<std::vector<KnownMaster>> load_known_masters(const std::string& state_directory);

}  // namespace tandem
