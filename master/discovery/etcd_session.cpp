#include "master/discovery/etcd_session.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/etcd_answers.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A member that has lost the leader ends a watch, and answers no read.
constexpr auto etcd_fields = "Content-Type: application/json\r\nGrpc-Metadata-hasleader: true\r\n";

}  // namespace

EtcdSession::EtcdSession(asio::io_context& loop, const SourceSpec& spec)
    : spec_(spec), client_(loop, spec_) {}

asio::awaitable<Result<HttpAnswer>> EtcdSession::ask(Question question) {
  const bool had_token = !token_.empty();
  auto asking = ask_once(question);
  auto answer = co_await std::move(asking);
  const bool is_refused = !answer && answer.error().code == ErrorCode::conflict;
  if (!had_token || !is_refused) co_return std::move(answer);
  auto again = ask_once(std::move(question));
  co_return co_await std::move(again);
}

asio::awaitable<Result<HttpAnswer>> EtcdSession::ask_once(Question question) {
  if (!spec_.user.empty() && token_.empty()) {
    auto logging_in = log_in();
    const auto known = co_await std::move(logging_in);
    if (!known) co_return known.error();
  }
  std::string fields = etcd_fields;
  if (!token_.empty()) fields += fmt::format("Authorization: {}\r\n", token_);
  RegistryClient::Question whole{.request = {.method = "POST",
                                             .target = std::move(question.target),
                                             .fields = std::move(fields),
                                             .body = std::move(question.body)},
                                 .answer_max = question.answer_max,
                                 .enough = std::move(question.enough),
                                 .answer_bytes_max = question.answer_bytes_max};
  auto asking = client_.ask(std::move(whole));
  auto answer = co_await std::move(asking);
  if (!answer) token_.clear();  // it may have ended
  co_return std::move(answer);
}

asio::awaitable<Result<>> EtcdSession::log_in() {
  const auto password = read_secret(spec_.password);
  if (!password) co_return password.error();
  RegistryClient::Question question{
      .request = {.method = "POST",
                  .target = "/v3/auth/authenticate",
                  .fields = etcd_fields,
                  .body = wire::dump_exactly({{"name", spec_.user}, {"password", *password}})},
      .answer_max = limits::source_answer_max};
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  token_ = read_etcd_token(answer->body);
  if (!token_.empty()) co_return Result<>();
  co_return fail(ErrorCode::unavailable, "etcd gives no token");
}

}  // namespace tandem::master
