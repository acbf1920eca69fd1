// bench-relay: the floor under every proxy: bytes in, bytes out, no HTTP.
//
// One thread, one epoll, one upstream connection for each client connection. Each side reads as
// much as is there and writes it to its peer; what the peer does not take is kept, and the reader
// waits. What a proxy costs above this is what its HTTP, its balancing and its safety cost.
//
//   bench-relay PORT ORIGIN_PORT
#include <fcntl.h>
#include <sys/epoll.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "bench/loopback.hpp"

using namespace tandem::bench;

namespace {

// One socket of a pair. Freed together with its peer, after the batch of events that ended it.
struct Side {
  int socket = -1;
  Side* peer = nullptr;
  std::string unsent;   // read from the peer, not yet taken by this socket
  bool ended = false;   // this socket has no more to say
  bool closed = false;  // the pair is over
};

class Relay {
 public:
  Relay(std::uint16_t port, std::uint16_t origin) : origin_(origin), listener_(listen_on(port)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) die("epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;  // null stands for the listener
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  }

  std::uint16_t port() const { return port_of(listener_); }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        auto* side = static_cast<Side*>(events[i].data.ptr);
        if (side == nullptr) {
          accept_all();
        } else if (!side->closed) {
          handle(*side, events[i].events);
        }
      }
      for (Side* side : over_) delete side;
      over_.clear();
    }
  }

 private:
  void accept_all() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int upstream = connect_to(origin_);
      if (upstream < 0) {
        close(client);
        continue;
      }
      set_no_delay(client);
      fcntl(upstream, F_SETFL, O_NONBLOCK);
      auto* a = new Side{client, nullptr, {}, false, false};
      auto* b = new Side{upstream, a, {}, false, false};
      a->peer = b;
      watch(*a, EPOLL_CTL_ADD);
      watch(*b, EPOLL_CTL_ADD);
    }
  }

  // A side is read only while its peer has taken everything, and written only when it has not.
  void watch(Side& side, int operation) {
    epoll_event event{};
    event.data.ptr = &side;
    if (!side.ended && side.peer->unsent.empty()) event.events |= EPOLLIN;
    if (!side.unsent.empty()) event.events |= EPOLLOUT;
    epoll_ctl(epoll_, operation, side.socket, &event);
  }

  void handle(Side& side, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !flush(side)) return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && side.peer->unsent.empty()) copy(side);
  }

  void copy(Side& from) {
    const ssize_t got = recv(from.socket, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return end_pair(from);
    if (got == 0) {
      from.ended = true;
      if (from.peer->ended) return end_pair(from);
      shutdown(from.peer->socket, SHUT_WR);
      return watch(from, EPOLL_CTL_MOD);
    }
    const ssize_t sent =
        send(from.peer->socket, buffer_.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return end_pair(from);
    const ssize_t taken = sent < 0 ? 0 : sent;
    if (taken == got) return;
    from.peer->unsent.assign(buffer_.data() + taken, static_cast<size_t>(got - taken));
    watch(from, EPOLL_CTL_MOD);
    watch(*from.peer, EPOLL_CTL_MOD);
  }

  // False when that ended the pair.
  bool flush(Side& side) {
    const ssize_t sent = send(side.socket, side.unsent.data(), side.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent < 0) {
      end_pair(side);
      return false;
    }
    side.unsent.erase(0, static_cast<size_t>(sent));
    if (side.unsent.empty()) {
      watch(side, EPOLL_CTL_MOD);
      watch(*side.peer, EPOLL_CTL_MOD);
    }
    return true;
  }

  void end_pair(Side& side) {
    for (Side* each : {&side, side.peer}) {
      close(each->socket);
      each->closed = true;
      over_.push_back(each);
    }
  }

  std::uint16_t origin_;
  int listener_;
  int epoll_ = -1;
  std::array<char, 65536> buffer_;
  std::vector<Side*> over_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench-relay PORT ORIGIN_PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  static Relay relay(parse_port(argv[1]), parse_port(argv[2]));
  std::printf("bench-relay ready listen=127.0.0.1:%u\n", relay.port());
  std::fflush(stdout);
  relay.run();
}
