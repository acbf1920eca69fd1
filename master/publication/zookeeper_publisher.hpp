// zookeeper_publisher.hpp: holds entries in ZooKeeper: an ephemeral node for each, as long as a
// session lasts.
//
// Owner: the thread of its loop.
#pragma once

#include <memory>
#include <string>

#include "master/publication/publisher.hpp"

namespace tandem::master {

class ZooKeeperPublisher final : public Publisher {
 public:
  ZooKeeperPublisher(boost::asio::io_context& loop, SourceSpec registry, MayPublish may_publish);
  ~ZooKeeperPublisher() override;

  boost::asio::awaitable<Result<Held>> bring(Wanted wanted) override;
  boost::asio::awaitable<void> withdraw() override;
  void leave() override;
  void cancel() override;

 private:
  struct Link;
  struct Session;

  static boost::asio::awaitable<void> converse(std::shared_ptr<Link> link,
                                               std::shared_ptr<Session> session);
  Result<> open();
  boost::asio::awaitable<void> look_again() const;

  boost::asio::io_context& loop_;
  const MayPublish may_publish_;
  const std::shared_ptr<Link> link_;  // shared with the conversations
  std::shared_ptr<Session> session_;  // null: none
};

}  // namespace tandem::master
