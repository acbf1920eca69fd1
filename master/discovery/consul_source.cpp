#include "master/discovery/consul_source.hpp"

#include <utility>

#include <fmt/format.h>

#include "master/discovery/consul_answers.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

Result<HttpRequest> ConsulSource::request(bool blocks) const {
  HttpRequest request{.target = fmt::format("/v1/health/service/{}?passing=1", spec_.name)};
  if (!spec_.tag.empty()) request.target += "&tag=" + spec_.tag;
  if (blocks) {
    request.target += fmt::format("&index={}&wait={}s", *index_, limits::source_news_wait / 1s);
  }
  if (spec_.token.empty()) return request;
  const auto token = read_secret(spec_.token);
  if (!token) return token.error();
  request.fields = fmt::format("X-Consul-Token: {}\r\n", *token);
  return request;
}

asio::awaitable<Result<InstanceList>> ConsulSource::read(When when) {
  const auto last = index_;
  const bool blocks = when == When::changed && last;
  auto wanted = request(blocks);
  index_.reset();
  if (!wanted) co_return wanted.error();
  // An agent waits for a sixteenth more, at random.
  const Duration waits = blocks ? limits::source_news_wait * 17 / 16 : Duration::zero();
  RegistryClient::Question question{.request = std::move(*wanted),
                                    .answer_max = limits::source_answer_max + waits};
  auto asking = client_.ask(std::move(question));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto list = read_consul_instances(answer->body);
  if (list)
    index_ = next_consul_index(blocks ? last : std::nullopt, answer->field("X-Consul-Index"));
  co_return list;
}

}  // namespace tandem::master
