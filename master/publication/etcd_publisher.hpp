// etcd_publisher.hpp: holds entries in etcd, by the JSON gateway of its third API: one key for
// each, with the lease of this master.
//
// Keys are changed by transactions which compare the revision that was read: a key that somebody
// else has written meanwhile is not touched, and read again. A key belongs to the lease with which
// it was put last. So a new primary puts the keys of the one before under a lease of its own, the
// end of the other lease takes none of them away, and a late write of the other one fails.
//
// Owner: the thread of its loop.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/time.hpp"
#include "master/discovery/etcd_session.hpp"
#include "master/publication/etcd_documents.hpp"
#include "master/publication/publisher.hpp"

namespace tandem::master {

class EtcdPublisher final : public Publisher {
 public:
  EtcdPublisher(boost::asio::io_context& loop, SourceSpec registry, MayPublish may_publish);

  boost::asio::awaitable<Result<Held>> bring(Wanted wanted) override;
  boost::asio::awaitable<void> withdraw() override;
  void leave() override;
  void cancel() override { session_.cancel(); }

 private:
  struct Plan {
    std::vector<EtcdChange> changes{};
    Held held{};
  };

  boost::asio::awaitable<Result<Held>> try_to_bring(const Wanted& wanted);
  boost::asio::awaitable<Result<std::string>> ask(std::string target, std::string body);
  boost::asio::awaitable<Result<>> hold_lease();
  boost::asio::awaitable<Result<>> read_all(const Wanted& wanted);
  boost::asio::awaitable<Result<bool>> change(std::vector<EtcdChange> changes);
  Plan plan(const Wanted& wanted) const;
  std::vector<std::string> prefixes_of(const Wanted& wanted) const;
  void remember_prefixes(const Wanted& wanted);
  void forget_keys();

  const SourceSpec spec_;
  const MayPublish may_publish_;
  EtcdSession session_;
  std::string lease_;  // empty: none
  Instant renew_at_ = Instant::never();
  std::optional<std::map<std::string, EtcdKey>> keys_;  // of the services; nothing: to be read
  Instant review_at_ = Instant::never();
  std::set<std::string> prefixes_;  // of services that had an entry of ours
};

}  // namespace tandem::master
