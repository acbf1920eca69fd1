#include "master/discovery/registry_client.hpp"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"
#include "common/http/tls_conversation.hpp"
#include "common/tls/worker_tls.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using End = HttpOutcome::End;
using Reading = AnswerReader::Status;

namespace {

constexpr std::size_t refusal_quoted_max = 120;  // bytes of a refusal
constexpr std::string_view white_space = " \t\r\n";

// By the name that was given, which a look-up does not change (RFC 9110 §4.3.4).
tls::WorkerTlsPtr tls_to(const SourceSpec& spec, const Endpoint& server) {
  tls::WorkerTlsSpec files{.authority = spec.authority, .name = {}, .certificate = {}};
  if (!server.is_numeric()) files.name = server.host;
  if (!spec.certificate.empty()) files.certificate = spec.certificate + "," + spec.key;
  return tls::WorkerTls::load(files);
}

std::string refusal_text(const HttpAnswer& answer) {
  const auto body = printable(std::string_view(answer.body).substr(0, refusal_quoted_max));
  return fmt::format("it answers {}{}{}", answer.status, body.empty() ? "" : ": ", body);
}

// An answer of 4xx, unless it says that the time was over or the question was given up.
bool is_refusal(Http1Conversation& said) {
  const auto status = said.status() == Reading::complete ? said.answer().status : 0;
  return status / 100 == 4 && status != 408 && status != 499;
}

// Empty: it is an answer.
std::string problem_of(const HttpOutcome& outcome, Http1Conversation& said, bool is_partial) {
  if (outcome.end == End::broken && said.is_answered()) said.end();
  const bool is_enough = is_partial && said.is_answered() && said.answer().status / 100 == 2;
  if (is_enough && outcome.end != End::cancelled) return {};
  switch (said.status()) {
    case Reading::complete: break;
    case Reading::malformed: return "its answer is not HTTP/1.1";
    case Reading::too_long: return "its answer is too long";
    case Reading::cut: return "the connection ended before the answer";
    case Reading::incomplete: return outcome.why.empty() ? "no answer" : outcome.why;
  }
  return said.answer().status / 100 == 2 ? std::string() : refusal_text(said.answer());
}

}  // namespace

RegistryClient::RegistryClient(asio::io_context& loop, const SourceSpec& spec)
    : spec_(spec), calls_(loop) {}

Error RegistryClient::failed(const std::string& problem, ErrorCode code) {
  const auto& server = spec_.servers.at(turn_ % spec_.servers.size());
  ++failures_;
  ++turn_;
  return fail(code, fmt::format("{}: {}", server.to_string(), problem));
}

asio::awaitable<Result<HttpOutcome>> RegistryClient::converse(
    std::shared_ptr<Conversation> conversation, HttpCallOptions options) {
  const auto server = spec_.servers.at(turn_ % spec_.servers.size());
  auto outermost = conversation;
  std::shared_ptr<TlsConversation> secured;
  if (spec_.tls) {
    auto tls = tls_to(spec_, server);
    if (!tls->problem().empty()) co_return failed(tls->problem());
    secured = std::make_shared<TlsConversation>(std::move(tls), tls::WorkerTls::Speaks::http1,
                                                conversation);
    outermost = secured;
  }
  std::vector<Endpoint> servers{server};
  auto calling = calls_.call(std::move(servers), std::move(outermost), std::move(options));
  auto outcome = co_await std::move(calling);
  const bool is_tls = secured != nullptr && !secured->why().empty() && !conversation->is_over();
  if (is_tls) co_return failed("TLS: " + secured->why());
  co_return std::move(outcome);
}

asio::awaitable<Result<HttpAnswer>> RegistryClient::ask(Question question) {
  const bool is_partial = question.enough != nullptr;
  const AnswerLimits most{.body_bytes_max = question.answer_bytes_max};
  auto& request = question.request;
  auto said = std::make_shared<Http1Conversation>(
      std::move(request.method), std::move(request.target),
      "User-Agent: tandem-master\r\nAccept: application/json\r\n" + request.fields,
      std::move(request.body), most, std::move(question.enough));
  HttpCallOptions options{.total_max = question.answer_max,
                          .connect_max = limits::source_connect_max};
  auto conversing = converse(said, std::move(options));
  const auto outcome = co_await std::move(conversing);
  if (!outcome) co_return outcome.error();
  const auto problem = problem_of(*outcome, *said, is_partial);
  if (!problem.empty()) {
    co_return failed(problem, is_refusal(*said) ? ErrorCode::conflict : ErrorCode::unavailable);
  }
  took();
  co_return std::move(said->answer());
}

Result<std::string> read_secret(const std::string& file) {
  const auto text = read_private_file(file, limits::source_secret_bytes_max);
  if (!text) return invalid(fmt::format("{} {}", file, text.error().message));
  const auto begin = text->find_first_not_of(white_space);
  if (begin == text->npos) return invalid(fmt::format("{} is empty", file));
  auto secret = text->substr(begin, text->find_last_not_of(white_space) - begin + 1);
  // It becomes a field of a request.
  for (const char c : secret) {
    if (c <= ' ' || c > '~')
      return invalid(fmt::format("{} has a character that cannot be sent", file));
  }
  return secret;
}

}  // namespace tandem::master
