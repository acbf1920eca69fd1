// A real WebSocket client and server (RFC 6455) through the gateway.
#include <catch2/catch.hpp>

#include <cstring>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "gateway.hpp"

namespace tandem::test::websocket_test {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using tcp = asio::ip::tcp;

// Echoes the messages of one connection until the client closes it.
class EchoServer {
 public:
  EchoServer()
      : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}), thread_([this] { serve(); }) {}
  ~EchoServer() { join(); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Waits for the end of the connection; why the client closed.
  websocket::close_reason join() {
    if (thread_.joinable()) thread_.join();
    return reason_;
  }

 private:
  void serve() {
    websocket::stream<tcp::socket> stream(io_);
    acceptor_.accept(stream.next_layer());
    boost::system::error_code error;
    stream.accept(error);
    while (!error) {
      boost::beast::flat_buffer message;
      stream.read(message, error);
      if (error) break;
      stream.text(stream.got_text());
      stream.write(message.data(), error);
    }
    reason_ = stream.reason();
  }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  websocket::close_reason reason_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(const Gateway& gateway) : stream_(io_) {
    stream_.next_layer().connect({asio::ip::address_v4::loopback(), gateway.port()});
    stream_.handshake(response_, "example.org", "/chat");
  }
  websocket::stream<tcp::socket>& stream() { return stream_; }
  const websocket::response_type& response() const { return response_; }

  std::string read() {
    boost::beast::flat_buffer message;
    stream_.read(message);
    return boost::beast::buffers_to_string(message.data());
  }
  std::string echo(const std::string& text) {
    stream_.write(asio::buffer(text));
    return read();
  }

 private:
  asio::io_context io_;
  websocket::stream<tcp::socket> stream_;
  websocket::response_type response_;
};

}  // namespace

TEST_CASE("a WebSocket opens through the gateway and carries messages (RFC 6455 §4)") {
  EchoServer server;
  Gateway gateway({server.port()});
  Client client(gateway);
  CHECK(client.response().result_int() == 101);
  for (const std::string text : {"a", "", "two words"}) CHECK(client.echo(text) == text);
  client.stream().close(websocket::close_code::normal);
}

TEST_CASE("a WebSocket message of 1 MiB arrives whole, binary as binary") {
  EchoServer server;
  Gateway gateway({server.port()});
  Client client(gateway);
  std::string message(1024 * 1024, '\0');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>(i * 31);
  client.stream().binary(true);
  CHECK(client.echo(message) == message);
  CHECK(client.stream().got_binary());
  client.stream().close(websocket::close_code::normal);
}

TEST_CASE("a WebSocket message in fragments arrives as one (RFC 6455 §5.4)") {
  EchoServer server;
  Gateway gateway({server.port()});
  Client client(gateway);
  for (const auto* part : {"frag", "men"})
    client.stream().write_some(false, asio::buffer(part, std::strlen(part)));
  client.stream().write_some(true, asio::buffer("ts", 2));
  CHECK(client.read() == "fragments");
  client.stream().close(websocket::close_code::normal);
}

TEST_CASE("a WebSocket ping is answered by the other end (RFC 6455 §5.5.2)") {
  EchoServer server;
  Gateway gateway({server.port()});
  Client client(gateway);
  std::string pong;
  client.stream().control_callback([&](websocket::frame_type kind, auto payload) {
    if (kind == websocket::frame_type::pong) pong.assign(payload.data(), payload.size());
  });
  client.stream().ping("are you there");
  CHECK(client.echo("after") == "after");  // control frames are handled while reading
  CHECK(pong == "are you there");
  client.stream().close(websocket::close_code::normal);
}

TEST_CASE("a WebSocket closes with its handshake, and its reason arrives (RFC 6455 §7)") {
  EchoServer server;
  Gateway gateway({server.port()});
  {
    Client client(gateway);
    client.stream().close({websocket::close_code::going_away, "moving on"});
  }
  const auto reason = server.join();
  CHECK(reason.code == websocket::close_code::going_away);
  CHECK(std::string(reason.reason.c_str()) == "moving on");
  wait_until([&] { return gateway.counters(0).in_flight == 0; });
}

}  // namespace tandem::test::websocket_test
