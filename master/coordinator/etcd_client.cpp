#include "master/coordinator/etcd_client.hpp"

#include <utility>

#include <fmt/format.h>

#include "master/coordinator/limits.hpp"
#include "master/discovery/etcd_answers.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A watch is told no more than that something has happened; a line of it may be long.
constexpr std::size_t watch_line_bytes_max = 8 * 1024 * 1024;

}  // namespace

EtcdClient::EtcdClient(asio::io_context& loop, SourceSpec spec)
    : spec_(std::move(spec)), session_(loop, spec_) {}

asio::awaitable<Result<HttpAnswer>> EtcdClient::ask(std::string target, std::string body,
                                                    Duration answer_max,
                                                    Http1Conversation::Enough enough) {
  EtcdSession::Question question{.target = std::move(target),
                                 .body = std::move(body),
                                 .answer_max = answer_max,
                                 .answer_bytes_max = limits::coordinator_answer_bytes_max,
                                 .enough = std::move(enough)};
  if (question.enough) question.answer_bytes_max = watch_line_bytes_max;
  auto asking = session_.ask(std::move(question));
  co_return co_await std::move(asking);
}

asio::awaitable<Result<EtcdTxnAnswer>> EtcdClient::commit(EtcdTxn txn, Duration answer_max) {
  auto asking = ask("/v3/kv/txn", txn.text(), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_etcd_txn(answer->body, txn.reads());
  if (!read) co_return session_.failed(read.error().message);
  co_return std::move(*read);
}

asio::awaitable<Result<CoordinatorLease>> EtcdClient::grant(Duration ttl, Duration answer_max) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  auto asking = ask("/v3/lease/grant", fmt::format(R"({{"TTL":"{}"}})", seconds), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_coordinator_lease(answer->body);
  if (!read) co_return session_.failed(read.error().message);
  co_return *read;
}

asio::awaitable<Result<Duration>> EtcdClient::keep_alive(std::uint64_t lease, Duration answer_max) {
  auto asking = ask("/v3/lease/keepalive", fmt::format(R"({{"ID":"{}"}})", lease), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_etcd_keep_alive(answer->body);
  if (!read) co_return session_.failed(read.error().message);
  co_return *read;
}

asio::awaitable<bool> EtcdClient::watch(std::string key, std::string end,
                                        std::uint64_t from_revision, Duration wait_max) {
  auto asking = ask("/v3/watch", etcd_watch(key, end, from_revision), wait_max,
                    [](const HttpAnswer& answer) { return has_etcd_news(answer.body); });
  // Whatever has become of it: what is read next tells.
  const auto news = co_await std::move(asking);
  const bool is_over = news && is_etcd_watch_over(news->body);
  if (is_over) session_.forget_token();  // it may have ended
  co_return news.ok() && !is_over;
}

}  // namespace tandem::master
