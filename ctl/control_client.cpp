#include "ctl/control_client.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include "common/base/limits.hpp"
#include "common/base/token_file.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"

namespace tandem::ctl {

namespace {

// A master that passes a change on to the primary waits this long itself, and a bit.
constexpr auto answer_max = limits::commit_wait_max + std::chrono::seconds(2);

std::string in_words(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection: return "no connection";
    case httplib::Error::ConnectionTimeout: return "no connection in time";
    case httplib::Error::Read: return "no answer in time";
    case httplib::Error::Canceled: return "the answer is too long";
    default: return httplib::to_string(error);
  }
}

httplib::Result send(const Endpoint& master, const std::string& token, const std::string& method,
                     const std::string& path, const std::string& content, Duration longer) {
  httplib::Client client(master.host, master.port);
  client.set_connection_timeout(limits::connect_max);
  client.set_read_timeout(answer_max + longer);
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = {{"Host", master.to_string()}};
  if (!token.empty()) request.headers.emplace("Authorization", bearer(token));
  request.body = content;
  if (method == "POST" && content.empty()) request.headers.emplace("Content-Length", "0");
  std::string body;
  request.content_receiver = [&body](const char* data, std::size_t size, std::uint64_t,
                                     std::uint64_t) {
    if (body.size() + size > limits::status_bytes_max) return false;
    body.append(data, size);
    return true;
  };
  auto result = client.send(request);
  if (result) result->body = std::move(body);
  return result;
}

}  // namespace

Result<std::string> ControlClient::ask(const std::string& method, const std::string& path,
                                       const std::string& body) const {
  auto reply = exchange(method, path, body, Duration::zero());
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
  for (const auto& master : masters_) {
    auto result = send(master, token_, method, path, body, longer);
    std::string why;
    if (!result) {
      why = in_words(result.error());
    } else if (result->status / 100 == 2 || result->status / 100 == 4) {
      return Reply{result->status, std::move(result->body)};
    } else {
      why = wire::error_message(result->body);
    }
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", master.to_string(), why);
  }
  return fail(ErrorCode::unavailable, fmt::format("no master can answer: {}", tried));
}

}  // namespace tandem::ctl
