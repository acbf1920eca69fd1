// etcd_answers.hpp: what etcd answers to questions of its JSON gateway, and how a prefix is asked
// for.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "master/discovery/instance_list.hpp"

namespace tandem::master {

// Of an answer of /v3/auth/authenticate; empty: there is none that can be sent.
std::string read_etcd_token(std::string_view json);

struct EtcdKeys {
  InstanceList instances;
  std::uint64_t revision = 0;
};

// Errors: `invalid`: it is no answer of /v3/kv/range.
Result<EtcdKeys> read_etcd_keys(std::string_view json);
// The first key behind all that begin with it.
std::string end_of_prefix(std::string prefix);
// Whether an answer of /v3/watch, as far as it has come, says more than that the watch was created.
bool has_etcd_news(std::string_view text);
// Whether it watches nothing: it was cancelled, since what it asks for was compacted away, or since
// who asks may not read that.
bool is_etcd_watch_over(std::string_view text);

}  // namespace tandem::master
