#include "tests/e2e/harness/many_clients.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

namespace tandem::e2e {
namespace {

int connected_to(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0 || connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
    const std::string why = std::strerror(errno);
    if (socket >= 0) ::close(socket);
    throw std::runtime_error(fmt::format("cannot connect to {}: {}", address, why));
  }
  return socket;
}

// Of those that ask once; what is refused for overload is another test's.
constexpr std::size_t asking_max = 200;

// The size of the answer that `text` begins with; 0: it is not all there.
std::size_t whole_answer(std::string_view text) {
  const auto head_ends = text.find("\r\n\r\n");
  if (head_ends == text.npos) return 0;
  constexpr std::string_view name = "\r\nContent-Length: ";
  const auto length = text.substr(0, head_ends).find(name);
  std::size_t size = head_ends + 4;
  if (length != text.npos) size += std::stoul(std::string(text.substr(length + name.size(), 20)));
  return text.size() < size ? 0 : size;
}

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_cur;
}

ManyClients::ManyClients(const std::string& address, std::size_t clients, const std::string& path)
    : request_(fmt::format("GET {} HTTP/1.1\r\nHost: many\r\n\r\n", path)),
      poll_(::epoll_create1(EPOLL_CLOEXEC)),
      clients_(clients) {
  for (auto& client : clients_) {
    client.socket = connected_to(address);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, client.socket, &event);
  }
}

ManyClients::~ManyClients() {
  stop();
  for (auto& client : clients_) {
    if (client.socket >= 0) ::close(client.socket);
  }
  ::close(poll_);
}

std::size_t ManyClients::ask(Milliseconds deadline) {
  const auto before = answered_.load();
  std::size_t sent = 0;
  for (auto& client : clients_) {
    send(client);
    if (++sent % asking_max == 0) run(asks_, deadline);
  }
  run(asks_, deadline);
  return answered_ - before;
}

void ManyClients::start() {
  asks_ = true;
  thread_ = std::thread([this] {
    for (auto& client : clients_) send(client);
    run(asks_, patience);
  });
}

void ManyClients::stop() {
  asks_ = false;
  if (thread_.joinable()) thread_.join();
}

std::string ManyClients::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

bool ManyClients::await_more(std::uint64_t requests, Milliseconds deadline) const {
  const auto wanted = answered_ + failed_ + requests;
  return eventually([&] { return answered_ + failed_ >= wanted; }, deadline);
}

void ManyClients::send(One& client) {
  if (client.socket < 0) return;
  const auto sent = ::send(client.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request_.size())) return fail(client, std::strerror(errno));
  client.waits = true;
  ++waiting_;
}

void ManyClients::fail(One& client, const std::string& how) {
  if (client.waits) --waiting_;
  client.waits = false;
  ::close(std::exchange(client.socket, -1));
  ++failed_;
  const std::lock_guard lock(mutex_);
  if (first_failure_.empty()) first_failure_ = how;
}

void ManyClients::receive(One& client) {
  std::array<char, 4096> buffer;
  const auto got = ::recv(client.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const auto* const when = client.waits ? "during a request" : "while idle";
  if (got < 0) return fail(client, fmt::format("{} {}", std::strerror(errno), when));
  if (got == 0) return fail(client, fmt::format("closed {}", when));
  if (!client.waits) return fail(client, "bytes that nobody asked for");
  client.received.append(buffer.data(), static_cast<std::size_t>(got));
  const auto size = whole_answer(client.received);
  if (size == 0) return;
  const auto answer = std::exchange(client.received, {});
  const bool is_good = size == answer.size() && answer.starts_with("HTTP/1.1 200") &&
                       answer.find("\r\nConnection: close") == answer.npos;
  if (!is_good) return fail(client, answer);
  client.waits = false;
  --waiting_;
  ++answered_;
}

// Until nobody waits for an answer, and nobody is to ask again.
void ManyClients::run(const std::atomic<bool>& again, Milliseconds quiet_max) {
  std::array<epoll_event, 256> events;
  while (waiting_ > 0) {
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(quiet_max.count()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      for (auto& client : clients_) {
        if (client.waits) fail(client, fmt::format("no answer in {} ms", quiet_max.count()));
      }
      return;
    }
    for (int i = 0; i < count; ++i) {
      auto& client = *static_cast<One*>(events[static_cast<std::size_t>(i)].data.ptr);
      const bool was_waiting = client.waits;
      if (client.socket >= 0) receive(client);
      if (was_waiting && !client.waits && again) send(client);
    }
  }
}

}  // namespace tandem::e2e
