#include "master/discovery/etcd_source.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/discovery/base64.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr std::size_t watch_bytes_max = 64 * 1024;

std::string json_text(const std::string& text) { return wire::dump_exactly(text); }

}  // namespace

EtcdSource::EtcdSource(asio::io_context& loop, SourceSpec spec)
    : spec_(std::move(spec)),
      prefix_(spec_.name.ends_with('/') ? spec_.name : spec_.name + "/"),
      client_(loop, spec_) {}

RegistryClient::Question EtcdSource::ask(std::string target, std::string body,
                                         Duration answer_max) const {
  // A member that has lost the leader ends the watch.
  std::string fields = "Content-Type: application/json\r\nGrpc-Metadata-hasleader: true\r\n";
  if (!token_.empty()) fields += fmt::format("Authorization: {}\r\n", token_);
  return {.request = {.method = "POST",
                      .target = std::move(target),
                      .fields = std::move(fields),
                      .body = std::move(body)},
          .answer_max = answer_max};
}

asio::awaitable<Result<>> EtcdSource::log_in() {
  const auto password = read_secret(spec_.password);
  if (!password) co_return password.error();
  auto question = ask(
      "/v3/auth/authenticate",
      fmt::format(R"({{"name":{},"password":{}}})", json_text(spec_.user), json_text(*password)),
      limits::source_answer_max);
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  token_ = read_etcd_token(answer->body);
  if (!token_.empty()) co_return Result<>();
  co_return fail(ErrorCode::unavailable, "etcd gives no token");
}

asio::awaitable<Result<>> EtcdSource::watch() {
  auto question = ask(
      "/v3/watch",
      fmt::format(R"({{"create_request":{{"key":"{}","range_end":"{}","start_revision":"{}"}}}})",
                  to_base64(prefix_), to_base64(end_of_prefix(prefix_)), *revision_ + 1),
      limits::source_news_wait);
  question.answer_bytes_max = watch_bytes_max;
  question.enough = [](const HttpAnswer& answer) { return has_etcd_news(answer.body); };
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  co_return answer ? Result<>() : Result<>(answer.error());
}

asio::awaitable<Result<InstanceList>> EtcdSource::read(When when) {
  if (when == When::changed && revision_) {
    auto watching = watch();
    // Whatever has become of it: the list tells.
    const auto ignored = co_await std::move(watching);
    static_cast<void>(ignored.ok());
  }
  revision_.reset();
  if (!spec_.user.empty() && token_.empty()) {
    auto logging_in = log_in();
    const auto known = co_await std::move(logging_in);
    if (!known) co_return known.error();
  }
  auto question =
      ask("/v3/kv/range",
          fmt::format(R"({{"key":"{}","range_end":"{}","limit":"{}"}})", to_base64(prefix_),
                      to_base64(end_of_prefix(prefix_)), limits::source_instances_max),
          limits::source_answer_max);
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) {
    token_.clear();  // it may have ended
    co_return answer.error();
  }
  auto keys = read_etcd_keys(answer->body);
  if (!keys) co_return keys.error();
  revision_ = keys->revision;
  co_return std::move(keys->instances);
}

}  // namespace tandem::master
