#include "tests/e2e/harness/http.hpp"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <utility>

namespace tandem::e2e {
namespace {

// OpenSSL writes to a connection whose server was killed a moment ago: that is an answer that does
// not come, not the end of the test.
const bool ignores_broken_pipes = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;

Answer to_answer(const httplib::Result& result) {
  Answer answer;
  if (!result) {
    answer.error = httplib::to_string(result.error());
    answer.unconnected = result.error() == httplib::Error::Connection ||
                         result.error() == httplib::Error::ConnectionTimeout;
    return answer;
  }
  answer.status = result->status;
  answer.body = result->body;
  for (const auto& [name, value] : result->headers) answer.headers.emplace(name, value);
  return answer;
}

httplib::Headers to_httplib(const Headers& headers) { return {headers.begin(), headers.end()}; }

sockaddr_in to_sockaddr(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &result.sin_addr);
  return result;
}

}  // namespace

std::string Answer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  }
  return {};
}

class Client::Body {
 public:
  Body(const std::string& address, Milliseconds timeout) : client(address) { set_up(timeout); }
  Body(const std::string& address, const ClientCertificate& self, Milliseconds timeout)
      : client(address, self.certificate, self.key) {
    client.set_ca_cert_path(self.authority.c_str());
    client.enable_server_certificate_verification(true);
    set_up(timeout);
  }

  void set_up(Milliseconds timeout) {
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    client.set_url_encode(false);  // paths are sent as they are given
    client.set_connection_timeout(timeout);
    client.set_read_timeout(timeout);
    client.set_write_timeout(timeout);
  }

  httplib::Client client;
};

Client::Client(const std::string& address, Milliseconds timeout)
    : body_(std::make_unique<Body>("http://" + address, timeout)) {}
Client::Client(const std::string& address, const ClientCertificate& self, Milliseconds timeout)
    : body_(std::make_unique<Body>("https://" + address, self, timeout)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

Answer Client::get(const std::string& path, const Headers& headers) {
  return to_answer(body_->client.Get(path, to_httplib(headers)));
}

Answer Client::head(const std::string& path) { return to_answer(body_->client.Head(path)); }

Answer Client::post(const std::string& path, const std::string& body, const Headers& headers) {
  return to_answer(body_->client.Post(path, to_httplib(headers), body, "application/octet-stream"));
}

Answer Client::post_chunked(const std::string& path, const std::string& body) {
  const auto provide = [&body](std::size_t offset, httplib::DataSink& sink) {
    const auto piece = std::min<std::size_t>(10'000, body.size() - offset);
    if (piece > 0) sink.write(body.data() + offset, piece);
    if (offset + piece == body.size()) sink.done();
    return true;
  };
  return to_answer(body_->client.Post(path, provide, "application/octet-stream"));
}

Answer Client::put(const std::string& path, const std::string& body) {
  return to_answer(body_->client.Put(path, body, "application/json"));
}

Answer Client::remove(const std::string& path) { return to_answer(body_->client.Delete(path)); }

Answer Client::send(const std::string& method, const std::string& path, const std::string& body,
                    const Headers& headers) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = to_httplib(headers);
  request.body = body;
  return to_answer(body_->client.send(request));
}

Answer get(const std::string& address, const std::string& path, const Headers& headers) {
  return Client(address).get(path, headers);
}

Answer post(const std::string& address, const std::string& path, const std::string& body) {
  return Client(address).post(path, body);
}

Answer put(const std::string& address, const std::string& path, const std::string& body) {
  return Client(address).put(path, body);
}

Answer remove(const std::string& address, const std::string& path) {
  return Client(address).remove(path);
}

Socket::Socket(const std::string& address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in peer = to_sockaddr(address);
  if (socket_ < 0) throw std::runtime_error("no more sockets: raise the limit on open files");
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
    close(socket_);
    throw std::runtime_error("cannot connect to " + address);
  }
}

Socket::~Socket() {
  if (socket_ >= 0) close(socket_);
}

Socket::Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

void Socket::send(std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the peer has closed the connection");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string Socket::receive_until(std::string_view end, Milliseconds deadline) {
  const auto last = std::chrono::steady_clock::now() + deadline;
  std::string received;
  std::array<char, 16 * 1024> buffer;
  while (received.find(end) == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(last - std::chrono::steady_clock::now());
    pollfd ready{socket_, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) break;
    const auto got = recv(socket_, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    received.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return received;
}

std::size_t Socket::receive_some(Milliseconds deadline) {
  std::array<char, 64 * 1024> buffer;
  pollfd ready{socket_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(deadline.count())) <= 0) return 0;
  const auto got = recv(socket_, buffer.data(), buffer.size(), 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::string encode_path(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return encoded;
}

namespace {

// Below those that the kernel gives to connections.
constexpr int chosen_port_min = 12'000;
constexpr int chosen_port_max = 31'999;

// A name that only one process can have; the kernel takes it back when the process ends.
bool reserve(int port) {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  const auto text = "tandem-test-port-" + std::to_string(port);
  text.copy(name.sun_path + 1, text.size());
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + text.size();
  const int holder = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind(holder, reinterpret_cast<const sockaddr*>(&name), static_cast<socklen_t>(size)) == 0) {
    return true;
  }
  close(holder);
  return false;
}

bool is_unused(const std::string& address) {
  const sockaddr_in wanted = to_sockaddr(address);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool is_bound =
      bind(socket, reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0;
  close(socket);
  return is_bound;
}

}  // namespace

std::string free_address() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> ports(chosen_port_min, chosen_port_max);
  for (int tries = 0; tries < 1'000; ++tries) {
    const int port = ports(random);
    auto address = "127.0.0.1:" + std::to_string(port);
    if (reserve(port) && is_unused(address)) return address;
  }
  throw std::runtime_error("no free port");
}

}  // namespace tandem::e2e
