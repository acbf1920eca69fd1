// publisher.hpp: makes a registry of others say what it is to say: one of whatever kind.
//
// Entries are held: by a lease of etcd, by a session of ZooKeeper. What nobody holds any more
// vanishes by itself after limits::publication_lease, so a master that dies takes nothing with it
// at once, and its successor has that time to hold the same entries. Whoever leads holds; the one
// before just ceases to.
//
// Owner: the thread of its loop; one round at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/publication_spec.hpp"
#include "master/publication/published_entry.hpp"

namespace tandem::master {

// Who writes; entries of the same cluster are ours, whichever of its masters has written them.
struct PublishingMaster {
  std::string cluster;  // not empty
  std::string node;
};

class Publisher {
 public:
  virtual ~Publisher() = default;

  struct Wanted {
    PublishedEntriesPtr entries{};
    // Which are certainly gone; others that a former master holds may only be unknown yet.
    std::set<Endpoint> withdrawn{};
    // True: what a former master holds, and is not wanted, is left to vanish by itself.
    bool spares_former = false;
    PublishingMaster master{};
  };
  struct Held {
    std::size_t entries = 0;
    std::size_t left_out_count = 0;       // wanted, but somebody else has the key
    std::vector<std::string> left_out{};  // a sentence for each of the first

    void leave_out(std::string sentence) {
      if (++left_out_count > limits::published_left_out_told_max) return;
      left_out.push_back(std::move(sentence));
    }
    friend bool operator==(const Held&, const Held&) = default;
  };
  // Makes it so, and keeps what is held; again within limits::publication_renewal. Errors: a few
  // words; what it knew of the registry is forgotten.
  virtual boost::asio::awaitable<Result<Held>> bring(Wanted wanted) = 0;
  // Takes all that it holds away, as well as it can.
  virtual boost::asio::awaitable<void> withdraw() = 0;
  // From now on another master holds: what this one has held is left to vanish.
  virtual void leave() = 0;
  // Ends what is under way, and all that begins later.
  virtual void cancel() = 0;
};

// Whether this master may write at this moment; any thread.
using MayPublish = std::function<bool()>;

// `loop` outlives it.
std::unique_ptr<Publisher> make_publisher(boost::asio::io_context& loop,
                                          const PublicationSpec& spec, MayPublish may_publish);

}  // namespace tandem::master
