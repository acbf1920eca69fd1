#include "master/control/pass_on.hpp"

#include <boost/asio.hpp>

#include "common/base/token_file.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

HttpRequest copy_of(const ControlRequest& request, const std::string& token) {
  HttpRequest copy{.method = std::string(request.method),
                   .target = fmt::format("{}{}{}", request.path, request.query.empty() ? "" : "?",
                                         request.query),
                   .fields = "Tandem-Passed-On: 1\r\n",
                   .body = std::string(request.body)};
  if (!request.on_behalf_of.empty()) {
    copy.fields += fmt::format("Tandem-On-Behalf-Of: {}\r\n", request.on_behalf_of);
  }
  if (!token.empty()) copy.fields += fmt::format("Authorization: {}\r\n", bearer(token));
  return copy;
}

ControlResponse unknown_outcome(const Endpoint& primary, std::string_view why) {
  return {.status = 503,
          .body = wire::error_document(
              "outcome_unknown",
              fmt::format("the primary at {} was asked and gave no answer ({}): the change may "
                          "have taken effect; check before you repeat it",
                          primary.to_string(), why)),
          .fields = {{"Retry-After", "1"}}};
}

}  // namespace

asio::awaitable<Result<ControlResponse>> pass_on(HttpCalls& calls, Endpoint primary,
                                                 const ControlRequest& request, std::string token,
                                                 Duration answer_max) {
  HttpCallOptions options{.total_max = answer_max};
  options.answer.body_bytes_max = limits::status_bytes_max;
  auto calling = calls.call({primary}, copy_of(request, token), options);
  auto outcome = co_await std::move(calling);
  if (!outcome.answered() && !outcome.sent) {
    co_return fail(ErrorCode::unavailable,
                   fmt::format("the primary at {} cannot be reached: {}; nothing was changed",
                               primary.to_string(), outcome.why));
  }
  if (!outcome.answered()) co_return unknown_outcome(primary, outcome.why);
  auto& answer = outcome.answer;
  ControlResponse response{.status = answer.status, .body = std::move(answer.body)};
  for (const auto* name : {"Location", "Retry-After"}) {
    const auto value = answer.field(name);
    if (!value.empty()) response.fields.emplace_back(name, value);
  }
  co_return response;
}

}  // namespace tandem::master
