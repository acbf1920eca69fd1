#include "common/http/http_server_connection.hpp"

#include <iterator>

#include <boost/beast/http/status.hpp>

#include "common/http/stream_socket.hpp"

namespace tandem {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t buffer_bytes_max =
    limits::control_header_bytes_max + limits::control_body_bytes_max;

std::string peer_address(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  return error ? std::string() : numeric_text(peer.address());
}

}  // namespace

HttpServer::Connection::Connection(boost::asio::ip::tcp::socket accepted)
    : peer(peer_address(accepted)), socket(std::move(accepted)), buffer(buffer_bytes_max) {}

HttpServer::Connection::Connection(boost::asio::io_context& loop, DetachedChannel&& detached)
    : socket(loop, std::move(detached)), buffer(buffer_bytes_max) {
  peer = peer_address(socket.socket());
}

void write_answer(std::string& out, const ControlResponse& response, std::string_view date,
                  std::string_view method, bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  const auto end = std::back_inserter(out);
  fmt::format_to(end,
                 "HTTP/1.1 {} {}\r\nDate: {}\r\nCache-Control: no-store\r\nTandem-Control: 1\r\n"
                 "Connection: {}\r\n",
                 response.status, std::string_view(reason.data(), reason.size()), date,
                 response.take_over ? "Upgrade"
                 : keep_alive       ? "keep-alive"
                                    : "close");
  if (response.status >= 200 && response.status != 204) {  // RFC 9110 §8.6
    fmt::format_to(end, "Content-Type: {}\r\n", response.content_type);
    if (!response.stream) fmt::format_to(end, "Content-Length: {}\r\n", response.body.size());
  }
  for (const auto& [name, value] : response.fields) {
    fmt::format_to(end, "{}: {}\r\n", name, value);
  }
  out += "\r\n";
  if (method != "HEAD") out += response.body;
}

}  // namespace tandem
