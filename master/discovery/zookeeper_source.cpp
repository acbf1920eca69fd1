#include "master/discovery/zookeeper_source.hpp"

#include <memory>

#include <fmt/format.h>

#include "master/discovery/limits.hpp"
#include "master/discovery/zookeeper_session.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
// The session ends by itself before that.
constexpr Duration session_max =
    limits::source_tick * (limits::source_session_ticks_max + 10 * limits::source_list_ticks_max);
}  // namespace

asio::awaitable<Result<InstanceList>> ZooKeeperSource::read(When when) {
  ZooKeeperSession::Question question{.path = "/" + spec_.name};
  if (when == When::changed) question.known = last_;
  last_.reset();
  if (!spec_.user.empty()) {
    const auto password = read_secret(spec_.password);
    if (!password) co_return password.error();
    question.credentials = fmt::format("{}:{}", spec_.user, *password);
  }
  auto session = std::make_shared<ZooKeeperSession>(std::move(question));
  HttpCallOptions options{.total_max = session_max,
                          .connect_max = limits::source_connect_max,
                          .tick_every = limits::source_tick};
  auto conversing = client_.converse(session, std::move(options));
  const auto outcome = co_await std::move(conversing);
  if (!outcome) co_return outcome.error();
  if (session->answer()) {
    client_.took();
    last_ = session->answer();
    co_return *last_;
  }
  co_return client_.failed(session->problem().empty() ? outcome->why : session->problem());
}

}  // namespace tandem::master
