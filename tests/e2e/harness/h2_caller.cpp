#include "tests/e2e/harness/h2_caller.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "common/base/clock.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::e2e {

namespace {

namespace h2 = master::h2;

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

}  // namespace

class H2Caller::Connection : public h2::SessionEvents {
 public:
  Connection(int socket, Milliseconds timeout)
      : socket_(socket), timeout_(timeout), session_(h2::Role::client, memory_, *this) {
    out_.grow(64 * 1024);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    session_.abandon();
    ::close(socket_);
  }

  // Another call can be made here; what the server has said in the meantime is known then.
  bool can_call() {
    while (!lost_ && await_bytes(Milliseconds(0))) read();
    return !lost_ && flush() && session_.can_open();
  }

  // What became of one call; `unprocessed`: the server did nothing for it.
  struct Outcome {
    Answer answer;
    bool unprocessed = false;
  };
  // REQUIRES: can_call()
  Outcome call(const h2::OutgoingRequest& request, const std::string& body) {
    outcome_ = {};
    ended_ = closed_ = false;
    stream_ = &session_.open(request, body.empty());
    if (!body.empty()) session_.send_content(*stream_, body, true);
    while (flush() && !ended_ && !closed_) {
      if (!await_bytes(timeout_)) {
        outcome_.answer.error = "Timeout";
        lost_ = true;
        break;
      }
      read();
    }
    if (lost_ && !ended_ && !closed_ && outcome_.answer.error.empty()) {
      outcome_.answer.error = "Read";
    }
    if (stream_ != nullptr) session_.reset(*stream_, h2::ErrorCode::cancel);
    stream_ = nullptr;
    if (!ended_ && outcome_.answer.error.empty()) outcome_.answer.error = "Read";
    return outcome_;
  }

 private:
  bool await_bytes(Milliseconds patience) {
    pollfd one{socket_, POLLIN, 0};
    return poll(&one, 1, static_cast<int>(patience.count())) > 0;
  }
  void read() {
    char bytes[64 * 1024];
    const auto got = recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      lost_ = true;
      session_.abandon();
      return;
    }
    session_.feed({bytes, static_cast<std::size_t>(got)}, now());
  }
  // False: the connection is lost.
  bool flush() {
    for (session_.pull(out_); !out_.empty() && !lost_; session_.pull(out_)) {
      for (std::string_view left = out_.view(); !left.empty();) {
        const auto sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
          // What the server has said last may wait to be read.
          while (!lost_) read();
          break;
        }
        left.remove_prefix(static_cast<std::size_t>(sent));
      }
      out_.clear();
    }
    out_.clear();
    return !lost_;
  }

  // ---- of the session
  void on_head(h2::Stream&, h2::PooledHead head, bool ends) override {
    auto& answer = outcome_.answer;
    answer.status = static_cast<int>(head->status());
    for (const auto& field : head->fields()) answer.headers.emplace(field.name, field.value);
    ended_ = ends;
  }
  void on_interim(h2::Stream&, h2::PooledHead) override {}
  void on_content(h2::Stream& stream, std::string_view bytes) override {
    outcome_.answer.body += bytes;
    session_.consume(stream, bytes.size());
  }
  void on_trailers(h2::Stream&, h2::PooledHead) override {}
  void on_end(h2::Stream&) override { ended_ = true; }
  void on_sent(h2::Stream&) override {}
  void on_closed(h2::Stream& stream, const h2::Closure& closure) override {
    if (&stream != stream_) return;
    stream_ = nullptr;
    closed_ = true;
    if (ended_) return;
    outcome_.answer.error = fmt::format("reset {}", static_cast<std::uint32_t>(closure.code));
    outcome_.unprocessed = closure.unprocessed;
  }
  void on_goaway(h2::StreamId, h2::ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  const int socket_;
  const Milliseconds timeout_;
  h2::SessionMemory memory_;
  h2::Session session_;
  master::Buffer out_;
  Outcome outcome_;
  h2::Stream* stream_ = nullptr;  // of the call
  bool ended_ = false;            // the answer is whole
  bool closed_ = false;
  bool lost_ = false;
};

H2Caller::H2Caller(std::string address, Milliseconds timeout)
    : address_(std::move(address)), timeout_(timeout) {}
H2Caller::~H2Caller() = default;
H2Caller::H2Caller(H2Caller&&) noexcept = default;

Answer H2Caller::send(const std::string& method, const std::string& path, const std::string& body,
                      const Headers& headers) {
  std::vector<std::string> names;  // in lower case
  names.reserve(headers.size());
  std::vector<Field> fields;
  for (const auto& [name, value] : headers) {
    names.push_back(name);
    std::transform(name.begin(), name.end(), names.back().begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    fields.push_back({kind_of(names.back()), names.back(), value});
  }
  Connection::Outcome outcome;
  for (int tries = 0; tries < 4; ++tries) {
    if (connection_ == nullptr || !connection_->can_call()) {
      const int socket = connect_to(address_);
      if (socket < 0) {
        connection_.reset();
        outcome.answer = {};
        outcome.answer.error = "Connection";
        outcome.answer.unconnected = true;
        break;
      }
      connection_ = std::make_unique<Connection>(socket, timeout_);
    }
    outcome = connection_->call(
        {.method = method, .scheme = "http", .authority = address_, .path = path, .fields = fields},
        body);
    if (!outcome.unprocessed) break;
  }
  return outcome.answer;
}

}  // namespace tandem::e2e
