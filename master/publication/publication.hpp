// publication.hpp: keeps one registry up to date as long as this master leads, and reports how that
// goes.
//
// A change is brought there at once, further ones in rounds: what has changed during a round is the
// next one. A registry that is lost is tried again and again, and delays nothing else.
//
// Owner: the thread of its loop. Always: after stop() it reports nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/time.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/publisher.hpp"

namespace tandem::master {

struct PublicationReport {
  Publisher::Held held{};
  std::string lost{};  // why the registry cannot be written, a few words; empty: it can
};

struct PublicationPauses {
  Duration after_round = limits::publication_pause;
  Duration renewal = limits::publication_renewal;
  Duration spares_former = limits::publication_lease;
  Duration retry_first = limits::publication_retry_first;
  Duration retry_max = limits::publication_retry_max;
};

// What is to be published now; called on the thread of the loop, at each round.
using WantedEntries = std::function<PublishedEntriesPtr()>;

class Publication : public std::enable_shared_from_this<Publication> {
 public:
  using Report = std::function<void(PublicationReport)>;
  // Empty: it is gone there; otherwise why that is not known.
  using Withdrawn = std::function<void(std::string problem)>;

  // `loop` outlives it. `servers`: of the registry, which are all tried before it is lost.
  Publication(boost::asio::io_context& loop, std::unique_ptr<Publisher> publisher,
              std::size_t servers, Report report, PublicationPauses pauses = {});

  void start();
  // Ends; with `withdraws`, after what it holds is taken away, or could not be. Does not wait.
  enum class Entries { stay, are_withdrawn };
  void stop(Entries entries);
  // Takes nothing away any more. REQUIRES: it was stopped.
  void abandon() { publisher_->cancel(); }

  // From now on this master leads, and these are to be published; or it does not.
  void lead(PublishingMaster master, WantedEntries wanted);
  void lead_no_more();
  // These, instead. REQUIRES: this master leads.
  void change(WantedEntries wanted);
  // `address` is to be gone, whatever was wanted before the next change.
  void withdraw(const Endpoint& address, Withdrawn withdrawn);

 private:
  struct Waiting {
    std::uint64_t change = 0;
    Withdrawn withdrawn;
  };

  boost::asio::awaitable<void> run(std::shared_ptr<Publication> self);
  boost::asio::awaitable<void> round();
  boost::asio::awaitable<void> wait(std::uint64_t change, Duration time);
  Publisher::Wanted wanted_now();
  Duration took(Result<Publisher::Held> held, std::uint64_t change);
  void wake();
  void answer_all(std::uint64_t change, const std::string& problem);

  boost::asio::io_context& loop_;
  const std::unique_ptr<Publisher> publisher_;
  const std::size_t servers_;
  const Report report_;
  const PublicationPauses pauses_;
  boost::asio::steady_timer timer_;
  PublishingMaster master_;
  WantedEntries wanted_;  // empty: this master does not lead
  std::set<Endpoint> withdrawn_;
  std::uint64_t changes_ = 0;
  std::uint64_t done_ = 0;   // of changes_
  std::uint64_t terms_ = 0;  // how often it began or ceased to lead
  std::vector<Waiting> waiting_;
  Instant leads_since_ = Instant::never();
  std::size_t failures_ = 0;  // in a row
  std::string lost_;
  bool holds_ = false;  // something may be held
  bool stopped_ = false;
  bool withdraws_ = false;
};

}  // namespace tandem::master
