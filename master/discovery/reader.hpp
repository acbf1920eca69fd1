// reader.hpp: reads one source again and again, and reports what is new: a list, or that the
// registry is lost or back.
//
// A registry that is lost takes nothing away: the last list stays. One that says that nothing is
// left of what there was is asked once more, some seconds later, before it is believed: it may have
// been restarted empty, or be asked in the middle of a migration.
//
// Owner: the thread of its loop. Always: after stop() it reports nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/time.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/lists_file.hpp"
#include "master/discovery/source.hpp"

namespace tandem::master {

struct SourceReport {
  InstanceListPtr list{};  // null: as before
  std::string lost{};      // why the registry cannot be read, a few words; empty: it can
  bool doubted = false;    // it says that nothing is left, and is asked once more
};

struct ReaderPauses {
  Duration after_answer = limits::source_pause;
  Duration second_look = limits::source_second_look;
  Duration retry_first = limits::source_retry_first;
  Duration retry_max = limits::source_retry_max;
};

class Reader : public std::enable_shared_from_this<Reader> {
 public:
  using Report = std::function<void(SourceReport)>;

  // `loop` outlives it. `servers`: of the source, which are all tried before it is lost. `known`:
  // what was read before; null: nothing was.
  Reader(boost::asio::io_context& loop, std::unique_ptr<Source> source, std::size_t servers,
         InstanceListPtr known, Report report, ReaderPauses pauses = {});

  void start();
  void stop();

 private:
  boost::asio::awaitable<void> run(std::shared_ptr<Reader> self);
  boost::asio::awaitable<void> pause(Duration time);
  Duration took(Result<InstanceList> read);
  Duration failed(const std::string& why);

  const std::unique_ptr<Source> source_;
  const std::size_t servers_;
  const Report report_;
  const ReaderPauses pauses_;
  boost::asio::io_context& loop_;
  boost::asio::steady_timer timer_;
  InstanceListPtr known_;
  Source::When when_ = Source::When::now;
  std::size_t failures_ = 0;  // in a row
  bool told_ = false;         // it has answered, or is known to be lost
  bool lost_ = false;
  bool doubted_ = false;
  bool stopped_ = false;
};

}  // namespace tandem::master
