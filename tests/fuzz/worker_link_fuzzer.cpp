// What a worker may say on a connection of HTTP/2 to the calls that share it: frames after its
// settings, over a real socket, while calls begin, send, read and are given up.
//
// What must hold: an answer that is read is a head, then content as long as the head says, and no
// transfer coding; each call ends; its place at the worker comes back; so does all memory.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/http1/http_head.hpp"
#include "input.hpp"
#include "master/forward/workers/upstream.hpp"

using namespace tandem;
using namespace tandem::master;
using namespace tandem::fuzz;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t memory_max = 8 * 1024 * 1024;

// One for all inputs.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TANDEM_ASSERT(fd_ >= 0);
    TANDEM_ASSERT(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    TANDEM_ASSERT(listen(fd_, 16) == 0);
    socklen_t size = sizeof address;
    TANDEM_ASSERT(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  int accept_one() const { return accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK); }
  std::uint16_t port() const { return port_; }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  std::uint16_t port_ = 0;
};

const Listener& listener() {
  static const Listener only;
  return only;
}

std::shared_ptr<const SnapshotWorker> worker_here() {
  SnapshotWorker worker;
  worker.id = WorkerId(1);
  worker.name = "w";
  worker.service = "default";
  worker.address = {"127.0.0.1", listener().port()};
  worker.weight = 1;
  worker.connections = 8;
  worker.counters = std::make_shared<WorkerCounters>();
  return std::make_shared<const SnapshotWorker>(std::move(worker));
}

class Scene {
 public:
  explicit Scene(std::string_view input) : cuts_(input), input_(settings_ + std::string(input)) {
    upstream_->speak(wire::WorkerProtocol::http2);
  }
  void play() {
    io_.post([this] { step(); });
    io_.run(1s, [](Instant) {});
    TANDEM_ASSERT(calls_.empty());
    TANDEM_ASSERT(upstream_->counters().open_connections == 0);
    upstream_.reset();
    TANDEM_ASSERT(memory_.bytes_in_use() == 0 && buffers_.borrowed() == 0);
  }

 private:
  WorkerIo worker_io() { return {io_, wheel_, buffers_, memory_, 4s}; }

  // One turn: the worker says a piece, and calls do something.
  void step() {
    accept_one();
    read_and_forget();
    if (cuts_.coin()) wheel_.advance(at_ = at_ + 200ms);
    if (calls_.size() < 4 && cuts_.coin()) call();
    if (!calls_.empty() && cuts_.next(10) == 10) give_up(*calls_[cuts_.next(calls_.size()) - 1]);
    TANDEM_ASSERT(memory_.bytes_in_use() + buffers_.borrowed_bytes() < memory_max);
    if (peer_ < 0 && ++turns_without_peer_ < 20) return go_on();
    if (peer_ >= 0 && say()) return go_on();
    if (++last_turns_ < 4) return go_on();
    end();
  }
  void go_on() {
    io_.post([this] { step(); });
  }
  // A link that has ended may be followed by another one, which is said the rest.
  void accept_one() {
    const int fd = listener().accept_one();
    if (fd < 0) return;
    hang_up();
    peer_ = fd;
  }
  // False: there is nothing left to say, or nobody to say it to.
  bool say() {
    if (input_.empty()) return false;
    const auto bytes = cuts_.next(input_.size());
    const auto sent = send(peer_, input_.data(), bytes, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    input_.erase(0, static_cast<std::size_t>(sent));
    return true;
  }
  void read_and_forget() {
    char bytes[16 * 1024];
    while (peer_ >= 0 && recv(peer_, bytes, sizeof bytes, 0) > 0) continue;
  }
  // By a reset, so that no port is used up.
  void hang_up() {
    if (peer_ < 0) return;
    const linger at_once{1, 0};
    setsockopt(peer_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer_);
    peer_ = -1;
  }
  void end() {
    hang_up();
    upstream_->close_links();
    io_.release();
  }

  struct Call {
    WorkerCallPtr call;
    bool given_up = false;
  };
  void give_up(Call& given_up) {
    given_up.given_up = true;
    given_up.call->stream().cancel();
  }
  Detached call() {
    Call here{upstream_->open(worker_io())};
    if (!here.call) co_return;
    calls_.push_back(&here);
    auto connecting = here.call->connect();
    const IoResult connected = co_await connecting;
    if (connected.ok() && !here.given_up) {
      auto asking = ask(here);
      co_await asking;
    }
    std::erase(calls_, &here);
    if (cuts_.coin()) WorkerCall::finish(std::move(here.call), now());
  }
  Task<> ask(Call& here) {
    auto& stream = here.call->stream();
    const bool to_head = cuts_.coin();
    const bool sends = !to_head && cuts_.coin();
    const MessageStream::Part part{
        .head = to_head ? "HEAD / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n"
                : sends ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        : "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n",
        .content = sends ? std::string_view(content_) : std::string_view(),
        .last = !sends || cuts_.coin()};
    auto sending = stream.send(part);
    const auto sent = co_await sending;
    if (!sent.ok() || here.given_up) co_return;
    auto reading = read_answer(here, to_head);
    co_await reading;
  }
  Task<> read_answer(Call& here, bool to_head) {
    auto& stream = here.call->stream();
    ResponseHead head;
    Buffer in;
    bool has_head = false;
    std::uint64_t content = 0;
    for (;;) {
      auto reading = stream.read(in, buffers_);
      const IoResult got = co_await reading;
      if (here.given_up) co_return;
      if (!got.ok()) {
        const bool is_whole = got.error == asio::error::eof;
        TANDEM_ASSERT(!is_whole || has_head);
        if (is_whole && head.framing() == Framing::length) {
          TANDEM_ASSERT(content == head.content_length());
        }
        co_return;
      }
      in.commit(got.bytes);
      while (!has_head && !in.empty()) {
        const auto status = head.parse(in.view(), to_head);
        if (status == HeadStatus::refused) co_return;
        if (status == HeadStatus::incomplete) break;
        TANDEM_ASSERT(head.framing() != Framing::chunked && head.upgrade().empty());
        in.consume(head.head_bytes());
        has_head = !head.is_interim();
        if (!has_head) head.clear();
      }
      if (!has_head) {
        if (in.free_size() == 0) in.grow(in.size() + 64 * 1024);
        if (in.size() > 256 * 1024) co_return;
        continue;
      }
      content += in.size();
      in.consume(in.size());
      in.compact();
      if (head.framing() == Framing::none) TANDEM_ASSERT(content == 0);
      if (head.framing() == Framing::length) TANDEM_ASSERT(content <= head.content_length());
    }
  }

  Cuts cuts_;
  const std::string settings_{"\0\0\0\4\0\0\0\0\0", 9};
  std::string input_;
  const std::string content_ = std::string(100'000, 'c');
  Instant at_ = now();
  Reactor io_;
  DeadlineWheel wheel_{at_};
  BufferPool buffers_{0};
  h2::SessionMemory memory_{0};  // nothing is used again, so that the sanitizers see all
  std::shared_ptr<Upstream> upstream_ = std::make_shared<Upstream>(worker_here(), 1);
  std::vector<Call*> calls_;
  int peer_ = -1;
  int turns_without_peer_ = 0;
  int last_turns_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Scene scene(text_of(data, size));
  scene.play();
  return 0;
}
