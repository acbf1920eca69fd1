#include "ctl/control_client.hpp"

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/token_file.hpp"
#include "common/http/blocking_client.hpp"
#include "common/http1/field_text.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/status.hpp"

namespace tandem::ctl {

namespace {

// A master that passes a change on to the primary waits this long itself, and a bit.
constexpr auto answer_max = limits::commit_wait_max + std::chrono::seconds(2);

HttpRequest request_of(const std::string& token, const std::string& method, const std::string& path,
                       const std::string& body) {
  HttpRequest request{.method = method, .target = path, .fields = {}, .body = body};
  if (!token.empty()) request.fields = fmt::format("Authorization: {}\r\n", bearer(token));
  return request;
}

// Whether it may be the answer of a control address: a document, which came directly. At a client
// address, which is easily taken for one, a service answers, and many say 200 to everything.
bool may_be_of_control(const HttpAnswer& answer) {
  return trimmed(answer.body).starts_with('{') &&
         answer.field("Via").find("tandem") == std::string_view::npos;
}

// Another server may answer {"status":"ok"} to everything. Masters say in each answer that they are
// masters; those of a version before that are known by their status.
bool is_of_control(BlockingClient& asking, const HttpAnswer& answer, const std::string& token) {
  if (!may_be_of_control(answer)) return false;
  if (!answer.field("Tandem-Control").empty()) return true;
  const auto told = asking.ask(request_of(token, "GET", "/status", {}));
  if (!told.answered() || told.answer.status / 100 != 2) {
    // A master of that version that refuses the token refuses it here too.
    return told.answered() && told.answer.status == answer.status &&
           !wire::error_code(told.answer.body).empty();
  }
  const auto status = wire::parse_status(told.answer.body);
  return status && !status->cluster.empty();
}

bool only_reads(const std::string& method) { return method == "GET"; }

}  // namespace

Result<std::string> ControlClient::ask(const std::string& method, const std::string& path,
                                       const std::string& body, Duration longer) const {
  auto reply = exchange(method, path, body, longer);
  if (!reply) return reply.error();
  if (reply->status / 100 == 4) return invalid(wire::error_message(reply->body));
  return std::move(reply->body);
}

Result<ControlClient::Reply> ControlClient::exchange(const std::string& method,
                                                     const std::string& path,
                                                     const std::string& body,
                                                     Duration longer) const {
  TANDEM_ASSERT(!masters_.empty());
  std::string tried;
  bool is_unknown = false;  // a change was sent, and not answered
  for (const auto& master : masters_) {
    BlockingClient asking(master, {.answer_max = answer_max + longer,
                                   .answer = {.body_bytes_max = limits::status_bytes_max},
                                   .credentials = credentials_});
    auto outcome = asking.ask(request_of(token_, method, path, body));
    auto& answer = outcome.answer;
    std::string why;
    if (!outcome.answered()) {
      why = outcome.why;
      is_unknown = is_unknown || (outcome.sent && !only_reads(method));
    } else if (!is_of_control(asking, answer, token_)) {
      why = fmt::format("its answer, {}, is none of a control address", answer.status);
    } else if (answer.status / 100 == 2 || answer.status / 100 == 4) {
      return Reply{static_cast<int>(answer.status), std::move(answer.body)};
    } else {
      why = wire::error_message(answer.body);
    }
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", master.to_string(), why);
  }
  if (is_unknown) {
    return fail(ErrorCode::unavailable,
                fmt::format("the outcome is unknown, since a master was asked and has not "
                            "answered; check before you repeat it: {}",
                            tried));
  }
  return fail(ErrorCode::unavailable, fmt::format("no master can answer: {}", tried));
}

}  // namespace tandem::ctl
