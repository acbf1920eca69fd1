#include "tests/e2e/raw_h2_connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::e2e {

namespace {

namespace h2 = master::h2;

// What the threads of the requests have for the thread of the connection.
struct Mailbox {
  Mailbox() : event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { ::close(event); }

  void put(h2::StreamId stream, RawReply reply) {
    const std::lock_guard lock(mutex);
    replies.emplace_back(stream, std::move(reply));
    const std::uint64_t one = 1;
    if (write(event, &one, sizeof one) < 0) std::abort();
  }
  std::vector<std::pair<h2::StreamId, RawReply>> take() {
    const std::lock_guard lock(mutex);
    std::uint64_t count = 0;
    if (read(event, &count, sizeof count) < 0) return {};
    return std::exchange(replies, {});
  }

  const int event;
  std::mutex mutex;
  std::vector<std::pair<h2::StreamId, RawReply>> replies;
};

std::string_view body_of(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  return end == text.npos ? std::string_view() : text.substr(end + 4);
}

// Of a field of a head; empty when it has none of that name.
std::string_view value_in(std::string_view head, std::string_view name) {
  const auto line = head.find(fmt::format("\r\n{}: ", name));
  if (line == head.npos) return {};
  const auto value = head.substr(line + name.size() + 4);
  return value.substr(0, value.find("\r\n"));
}

// The content of what is here of a chunked body.
std::string from_chunks(std::string_view chunks) {
  std::string content;
  for (;;) {
    const auto line = chunks.find("\r\n");
    if (line == chunks.npos) return content;
    const auto size = std::stoul(std::string(chunks.substr(0, line)), nullptr, 16);
    if (size == 0) return content;
    chunks.remove_prefix(line + 2);
    content += chunks.substr(0, size);
    if (chunks.size() < size + 2) return content;
    chunks.remove_prefix(size + 2);
  }
}

class H2Connection : public h2::SessionEvents {
 public:
  H2Connection(int socket, const RawServer::Handler& handler)
      : socket_(socket), handler_(handler), session_(h2::Role::server, memory_, *this) {
    out_.grow(64 * 1024);
  }

  void run(std::string_view input) {
    session_.feed(input, now());
    char bytes[16 * 1024];
    while (flush() && !session_.is_finished()) {
      pollfd both[] = {{socket_, POLLIN, 0}, {mailbox_->event, POLLIN, 0}};
      if (poll(both, 2, -1) < 0) break;
      if (both[1].revents != 0) {
        for (const auto& [stream, reply] : mailbox_->take()) answer(stream, reply);
      }
      if (both[0].revents == 0) continue;
      const auto got = recv(socket_, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      session_.feed({bytes, static_cast<std::size_t>(got)}, now());
    }
    session_.abandon();
  }

 private:
  struct Request {
    h2::Stream* stream = nullptr;
    RawRequest request;
    std::string content;  // of its answer
    bool breaks_off = false;
  };

  // All that there is to send. False: the connection is over.
  bool flush() {
    for (session_.pull(out_); !out_.empty(); session_.pull(out_)) {
      while (!out_.empty()) {
        const auto sent = send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        out_.consume(static_cast<std::size_t>(sent));
      }
      out_.clear();
    }
    if (resets_all_) reset_when_closed(socket_);
    return !resets_all_;
  }

  void answer(h2::StreamId id, const RawReply& reply) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return;
    auto& request = found->second;
    const std::string_view text = reply.bytes;
    const auto end_of_head = text.find("\r\n\r\n");
    if (end_of_head == text.npos) return break_off(request);
    const auto head = text.substr(0, end_of_head + 2);
    const auto length = value_in(head, "Content-Length");
    request.content = length.empty() ? from_chunks(body_of(text)) : std::string(body_of(text));
    request.breaks_off = reply.resets;
    const bool is_head_alone = request.content.empty() && !reply.resets;
    const Field field{FieldKind::content_length, "content-length", length};
    session_.send_head(*request.stream, static_cast<unsigned>(number_in(text.substr(9))),
                       {&field, length.empty() ? 0U : 1U}, is_head_alone);
    if (is_head_alone) return;
    if (request.content.empty()) return break_off(request);
    session_.send_content(*request.stream, request.content, !reply.resets);
  }

  void break_off(Request& request) {
    if (std::uniform_int_distribution<>(0, 1)(random_) == 0) {
      resets_all_ = true;
      return;
    }
    auto& stream = *request.stream;
    requests_.erase(stream.id());
    session_.reset(stream, h2::ErrorCode::internal_error);
  }

  // ---- of the session
  void on_head(h2::Stream& stream, h2::PooledHead head, bool ends) override {
    auto& request = requests_[stream.id()];
    request.stream = &stream;
    request.request.method = head->method();
    request.request.target = head->path();
    if (ends) on_end(stream);
  }
  void on_interim(h2::Stream&, h2::PooledHead) override {}
  void on_content(h2::Stream& stream, std::string_view bytes) override {
    requests_[stream.id()].request.body += bytes;
    session_.consume(stream, bytes.size());
  }
  void on_trailers(h2::Stream&, h2::PooledHead) override {}
  void on_end(h2::Stream& stream) override {
    std::thread([mailbox = mailbox_, id = stream.id(), request = requests_[stream.id()].request,
                 &handler = handler_] {
      mailbox->put(id, handler(request));
    }).detach();
  }
  void on_sent(h2::Stream& stream) override {
    auto& request = requests_[stream.id()];
    if (request.breaks_off) break_off(request);
  }
  void on_closed(h2::Stream& stream, const h2::Closure&) override { requests_.erase(stream.id()); }
  void on_goaway(h2::StreamId, h2::ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  const int socket_;
  const RawServer::Handler& handler_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::mt19937 random_{std::random_device{}()};
  std::map<h2::StreamId, Request> requests_;
  master::Buffer out_;
  h2::SessionMemory memory_;
  h2::Session session_;
  bool resets_all_ = false;
};

}  // namespace

bool speaks_h2(const std::string& input) { return input.starts_with(h2::client_preface); }

void serve_h2(int socket, const std::string& input, const RawServer::Handler& handler) {
  H2Connection connection(socket, handler);
  connection.run(input);
}

}  // namespace tandem::e2e
