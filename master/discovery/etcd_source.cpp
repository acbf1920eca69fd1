#include "master/discovery/etcd_source.hpp"

#include <utility>

#include <fmt/format.h>

#include "master/discovery/base64.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr std::size_t watch_bytes_max = 64 * 1024;

}  // namespace

EtcdSource::EtcdSource(asio::io_context& loop, SourceSpec spec)
    : spec_(std::move(spec)),
      prefix_(spec_.name.ends_with('/') ? spec_.name : spec_.name + "/"),
      session_(loop, spec_) {}

asio::awaitable<Result<>> EtcdSource::watch() {
  EtcdSession::Question question{
      .target = "/v3/watch",
      .body = fmt::format(
          R"({{"create_request":{{"key":"{}","range_end":"{}","start_revision":"{}"}}}})",
          to_base64(prefix_), to_base64(end_of_prefix(prefix_)), *revision_ + 1),
      .answer_max = limits::source_news_wait,
      .answer_bytes_max = watch_bytes_max,
      .enough = [](const HttpAnswer& answer) { return has_etcd_news(answer.body); }};
  auto asking = session_.ask(std::move(question));
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
  EtcdSession::Question question{
      .target = "/v3/kv/range",
      .body = fmt::format(R"({{"key":"{}","range_end":"{}","limit":"{}"}})", to_base64(prefix_),
                          to_base64(end_of_prefix(prefix_)), limits::source_instances_max)};
  auto asking = session_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto keys = read_etcd_keys(answer->body);
  if (!keys) co_return keys.error();
  revision_ = keys->revision;
  co_return std::move(keys->instances);
}

}  // namespace tandem::master
