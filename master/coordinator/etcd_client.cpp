#include "master/coordinator/etcd_client.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/coordinator/limits.hpp"
#include "master/discovery/etcd_answers.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A watch is told no more than that something has happened; a line of it may be long.
constexpr std::size_t watch_line_bytes_max = 8 * 1024 * 1024;

std::string quoted(const std::string& text) { return wire::dump_exactly(text); }

}  // namespace

EtcdClient::EtcdClient(asio::io_context& loop, SourceSpec spec)
    : spec_(std::move(spec)), client_(loop, spec_) {}

asio::awaitable<Result<>> EtcdClient::log_in() {
  const auto password = read_secret(spec_.password);
  if (!password) co_return password.error();
  RegistryClient::Question question{
      .request = {.method = "POST",
                  .target = "/v3/auth/authenticate",
                  .fields = "Content-Type: application/json\r\n",
                  .body = fmt::format(R"({{"name":{},"password":{}}})", quoted(spec_.user),
                                      quoted(*password))},
      .answer_max = limits::coordinator_answer_max};
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  token_ = read_etcd_token(answer->body);
  if (!token_.empty()) co_return Result<>();
  co_return fail(ErrorCode::unavailable, "etcd gives no token");
}

asio::awaitable<Result<HttpAnswer>> EtcdClient::ask(std::string target, std::string body,
                                                    Duration answer_max,
                                                    Http1Conversation::Enough enough) {
  if (!spec_.user.empty() && token_.empty()) {
    auto logging_in = log_in();
    const auto known = co_await std::move(logging_in);
    if (!known) co_return known.error();
  }
  // A member that has lost the leader ends a watch.
  std::string fields = "Content-Type: application/json\r\nGrpc-Metadata-hasleader: true\r\n";
  if (!token_.empty()) fields += fmt::format("Authorization: {}\r\n", token_);
  RegistryClient::Question question{.request = {.method = "POST",
                                                .target = std::move(target),
                                                .fields = std::move(fields),
                                                .body = std::move(body)},
                                    .answer_max = answer_max,
                                    .enough = std::move(enough)};
  question.answer_bytes_max =
      question.enough ? watch_line_bytes_max : limits::coordinator_answer_bytes_max;
  auto asking = client_.ask(std::move(question));
  auto answer = co_await std::move(asking);
  if (!answer) token_.clear();  // it may have ended
  co_return std::move(answer);
}

asio::awaitable<Result<EtcdTxnAnswer>> EtcdClient::commit(EtcdTxn txn, Duration answer_max) {
  auto asking = ask("/v3/kv/txn", txn.text(), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_etcd_txn(answer->body, txn.reads());
  if (!read) co_return client_.failed(read.error().message);
  co_return std::move(*read);
}

asio::awaitable<Result<CoordinatorLease>> EtcdClient::grant(Duration ttl, Duration answer_max) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  auto asking = ask("/v3/lease/grant", fmt::format(R"({{"TTL":"{}"}})", seconds), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_coordinator_lease(answer->body);
  if (!read) co_return client_.failed(read.error().message);
  co_return *read;
}

asio::awaitable<Result<Duration>> EtcdClient::keep_alive(std::uint64_t lease, Duration answer_max) {
  auto asking = ask("/v3/lease/keepalive", fmt::format(R"({{"ID":"{}"}})", lease), answer_max);
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto read = read_etcd_keep_alive(answer->body);
  if (!read) co_return client_.failed(read.error().message);
  co_return *read;
}

asio::awaitable<bool> EtcdClient::watch(std::string key, std::string end,
                                        std::uint64_t from_revision, Duration wait_max) {
  auto asking = ask("/v3/watch", etcd_watch(key, end, from_revision), wait_max,
                    [](const HttpAnswer& answer) { return has_etcd_news(answer.body); });
  // Whatever has become of it: what is read next tells.
  const auto news = co_await std::move(asking);
  co_return news.ok();
}

}  // namespace tandem::master
