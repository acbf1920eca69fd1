#include "master/control/pass_on.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "common/base/limits.hpp"
#include "common/base/token_file.hpp"
#include "common/http/stream_socket.hpp"
#include "common/wire/error_document.hpp"

namespace tandem::master {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

http::request<http::string_body> copy_of(const ControlRequest& request, const Endpoint& primary,
                                         const std::string& token) {
  http::request<http::string_body> copy;
  copy.version(11);
  copy.method_string(boost::beast::string_view(request.method.data(), request.method.size()));
  const auto target =
      fmt::format("{}{}{}", request.path, request.query.empty() ? "" : "?", request.query);
  copy.target(target);
  copy.set(http::field::host, primary.to_string());
  copy.set("Tandem-Passed-On", "1");
  copy.set(http::field::connection, "close");
  if (!token.empty()) copy.set(http::field::authorization, bearer(token));
  copy.body() = request.body;
  copy.prepare_payload();
  return copy;
}

ControlResponse unknown_outcome(const Endpoint& primary, std::string_view why) {
  return {.status = 503,
          .body = wire::error_document(
              "outcome_unknown",
              fmt::format("the primary at {} was asked and gave no answer ({}): the change may "
                          "have taken effect, look before you repeat it",
                          primary.to_string(), why)),
          .fields = {{"Retry-After", "1"}}};
}

asio::awaitable<error_code> connect_to(tcp::socket& socket, tcp::endpoint address) {
  error_code error;
  socket.close(error);
  open_stream(socket, address.protocol(), error);
  if (error) co_return error;
  co_await socket.async_connect(address, asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

// To the first of its addresses that accepts. Asio looks names up on a thread of its own.
asio::awaitable<error_code> connect_to(tcp::socket& socket, Endpoint primary) {
  error_code error;
  if (primary.is_numeric()) {
    auto connecting =
        connect_to(socket, tcp::endpoint(asio::ip::make_address(primary.host), primary.port));
    co_return co_await std::move(connecting);
  }
  tcp::resolver resolver(socket.get_executor());
  const auto found = co_await resolver.async_resolve(
      primary.host, std::to_string(primary.port), asio::redirect_error(asio::use_awaitable, error));
  for (const auto& each : found) {
    auto connecting = connect_to(socket, each.endpoint());
    error = co_await std::move(connecting);
    if (!error) break;
  }
  co_return error;
}

}  // namespace

asio::awaitable<Result<ControlResponse>> pass_on(asio::io_context& loop, Endpoint primary,
                                                 const ControlRequest& request, std::string token,
                                                 Duration answer_max) {
  const auto socket = std::make_shared<tcp::socket>(loop);
  asio::steady_timer deadline(loop, std::chrono::steady_clock::now() + answer_max);
  deadline.async_wait([weak = std::weak_ptr(socket)](error_code expired) {
    error_code ignored;
    if (const auto open = weak.lock(); open && !expired) open->close(ignored);
  });
  error_code error;
  auto connecting = connect_to(*socket, primary);
  error = co_await std::move(connecting);
  if (error) {
    co_return fail(ErrorCode::unavailable,
                   fmt::format("the primary at {} cannot be reached: {}; nothing was changed",
                               primary.to_string(), error.message()));
  }
  const auto copy = copy_of(request, primary, token);
  co_await http::async_write(*socket, copy, asio::redirect_error(asio::use_awaitable, error));
  boost::beast::flat_buffer buffer(limits::control_header_bytes_max +
                                   limits::control_body_bytes_max);
  http::response_parser<http::string_body> parser;
  parser.body_limit(limits::status_bytes_max);
  if (!error) {
    co_await http::async_read(*socket, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) co_return unknown_outcome(primary, error.message());
  ControlResponse response{.status = parser.get().result_int(),
                           .body = std::move(parser.get().body())};
  for (const auto field : {http::field::location, http::field::retry_after}) {
    const auto value = parser.get()[field];
    if (!value.empty()) response.fields.emplace_back(http::to_string(field), value);
  }
  co_return response;
}

}  // namespace tandem::master
