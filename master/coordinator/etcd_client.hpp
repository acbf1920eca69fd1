// etcd_client.hpp: asks the servers of one etcd in turn, by its JSON gateway: the next one when one
// does not answer as it should, or not in time.
//
// Owner: the thread of its loop.
#pragma once

#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/coordinator/etcd_words.hpp"
#include "master/discovery/etcd_session.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

class EtcdClient {
 public:
  EtcdClient(boost::asio::io_context& loop, SourceSpec spec);
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  // Errors of all name the server. `conflict`: it refuses the question, and what it has done with
  // it can be read; `unavailable`: whether a transaction took place is not known, and it still may.
  boost::asio::awaitable<Result<EtcdTxnAnswer>> commit(EtcdTxn txn, Duration answer_max);
  boost::asio::awaitable<Result<CoordinatorLease>> grant(Duration ttl, Duration answer_max);
  // Zero: the lease has ended.
  boost::asio::awaitable<Result<Duration>> keep_alive(std::uint64_t lease, Duration answer_max);
  // Returns when a key from `key` to before `end` has changed since that revision, when it can no
  // longer be told whether one has, or after `wait_max`. False: no server watches.
  boost::asio::awaitable<bool> watch(std::string key, std::string end, std::uint64_t from_revision,
                                     Duration wait_max);
  // Ends the question under way, and all later ones.
  void cancel() { session_.cancel(); }

 private:
  boost::asio::awaitable<Result<HttpAnswer>> ask(std::string target, std::string body,
                                                 Duration answer_max,
                                                 Http1Conversation::Enough enough = {});

  const SourceSpec spec_;
  EtcdSession session_;
};

}  // namespace tandem::master
