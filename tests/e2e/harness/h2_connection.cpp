#include "tests/e2e/harness/h2_connection.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"

namespace tandem::e2e {

namespace h2 = master::h2;

namespace {

// -1: nobody is there.
int connect_to(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1))));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr) != 1) return -1;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&peer), sizeof peer) == 0) return socket;
  ::close(socket);
  return -1;
}

std::string in_lower_case(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

std::unique_ptr<H2Connection> H2Connection::to(const std::string& address) {
  const int socket = connect_to(address);
  return socket < 0 ? nullptr : std::make_unique<H2Connection>(socket, address);
}

H2Connection::H2Connection(int socket, std::string authority)
    : socket_(socket),
      authority_(std::move(authority)),
      session_(h2::Role::client, memory_, *this) {
  out_.grow(64 * 1024);
}

H2Connection::~H2Connection() {
  calls_.clear();
  session_.abandon();
  ::close(socket_);
}

void H2Connection::open(const H2Request& request, Done done) {
  std::vector<std::string> names;
  names.reserve(request.headers.size());
  std::vector<Field> fields;
  for (const auto& [name, value] : request.headers) {
    names.push_back(in_lower_case(name));
    fields.push_back({kind_of(names.back()), names.back(), value});
  }
  auto& stream = session_.open({.method = request.method,
                                .scheme = "http",
                                .authority = authority_,
                                .path = request.path,
                                .fields = fields},
                               request.body.empty());
  auto& call = calls_[stream.id()];
  call.body = request.body;
  call.done = std::move(done);
  if (!call.body.empty()) session_.send_content(stream, call.body, true);
}

bool H2Connection::turn(Milliseconds patience) {
  write();
  if (lost_) return true;
  pollfd one{socket_, static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  const bool came = poll(&one, 1, static_cast<int>(patience.count())) > 0;
  if ((one.revents & (POLLIN | POLLERR | POLLHUP)) != 0) read();
  write();
  return came;
}

void H2Connection::write() {
  while (!lost_) {
    if (out_.empty()) {
      out_.clear();
      session_.pull(out_);
      if (out_.empty()) return;
    }
    const auto sent = send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return;
    // What the server has said last may wait to be read.
    if (sent <= 0) return read();
    out_.consume(static_cast<std::size_t>(sent));
  }
}

void H2Connection::read() {
  char bytes[64 * 1024];
  while (!lost_) {
    const auto got = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return lose();
    session_.feed({bytes, static_cast<std::size_t>(got)}, now());
    end_answered_calls();
    if (static_cast<std::size_t>(got) < sizeof bytes) return;
  }
}

void H2Connection::lose() {
  lost_ = true;
  session_.abandon();
}

// Those whose answers came before all of their requests was sent.
void H2Connection::end_answered_calls() {
  while (!answered_.empty()) {
    const auto [id, stream] = *answered_.begin();
    answered_.erase(answered_.begin());
    session_.reset(*stream, h2::ErrorCode::cancel);
    end(id, "");
  }
}

void H2Connection::end(h2::StreamId id, const std::string& error) {
  auto call = calls_.extract(id);
  if (call.empty()) return;
  auto& outcome = call.mapped().outcome;
  if (!call.mapped().ended) outcome.answer.error = error;
  call.mapped().done(std::move(outcome));
}

void H2Connection::on_head(h2::Stream& stream, h2::PooledHead head, bool ends) {
  auto& answer = calls_[stream.id()].outcome.answer;
  answer.status = static_cast<int>(head->status());
  for (const auto& field : head->fields()) answer.headers.emplace(field.name, field.value);
  if (ends) on_end(stream);
}

void H2Connection::on_content(h2::Stream& stream, std::string_view bytes) {
  calls_[stream.id()].outcome.answer.body += bytes;
  session_.consume(stream, bytes.size());
}

void H2Connection::on_end(h2::Stream& stream) {
  calls_[stream.id()].ended = true;
  answered_[stream.id()] = &stream;
}

void H2Connection::on_closed(h2::Stream& stream, const h2::Closure& closure) {
  answered_.erase(stream.id());
  const auto found = calls_.find(stream.id());
  if (found == calls_.end()) return;
  found->second.outcome.unprocessed = closure.unprocessed && !found->second.ended;
  end(stream.id(),
      lost_ ? "Read" : fmt::format("reset {}", static_cast<std::uint32_t>(closure.code)));
}

}  // namespace tandem::e2e
