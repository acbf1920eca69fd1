// source.hpp: where the instances of a service are read: one registry of others, of whatever kind.
//
// Owner: the thread of its loop.
#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "master/discovery/instance_list.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

class Source {
 public:
  virtual ~Source() = default;

  enum class When {
    now,
    changed,  // once something may have changed, and after a while in any case
  };
  // All instances. Errors: `unavailable`, a few words; what it knew of changes is forgotten, so
  // that the next list is read at once.
  virtual boost::asio::awaitable<Result<InstanceList>> read(When when) = 0;
  // Ends what is under way, and all that begins later.
  virtual void cancel() = 0;
};

// `loop` outlives it.
std::unique_ptr<Source> make_source(boost::asio::io_context& loop, SourceSpec spec);

}  // namespace tandem::master
