#include "common/base/inherited_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

namespace {

constexpr int first_inherited = 3;
// A mistaken number must not make this close or change what is somebody else's.
constexpr int inherited_max = 64;

std::map<Endpoint, int>& inherited() {
  static std::map<Endpoint, int> sockets;
  return sockets;
}

std::optional<int> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  std::string_view value = text == nullptr ? "" : text;
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = !value.empty() && error == std::errc() && end == value.end();
  ::unsetenv(name);
  return is_number ? std::optional(number) : std::nullopt;
}

std::optional<Endpoint> address_of(int socket) {
  int listens = 0;
  socklen_t bytes = sizeof listens;
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) != 0 || listens == 0) {
    return std::nullopt;
  }
  sockaddr_storage address{};
  bytes = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    return Endpoint{text, ntohs(four.sin_port)};
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  return Endpoint{text, ntohs(six.sin6_port)};
}

}  // namespace

void take_inherited_sockets() {
  const auto process = number_from_environment("LISTEN_PID");
  const auto count = number_from_environment("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  if (process != ::getpid() || !count || *count > inherited_max) return;
  for (int socket = first_inherited; socket < first_inherited + *count; ++socket) {
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    if (const auto address = address_of(socket)) inherited().emplace(*address, socket);
  }
}

int inherited_socket(const Endpoint& address) {
  const auto found = inherited().find(address);
  if (found == inherited().end()) return -1;
  const int socket = ::fcntl(found->second, F_DUPFD_CLOEXEC, 0);
  if (socket < 0) return -1;
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  const int unused = 0;  // the process before may have ended while it let clients go
  ::setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  return socket;
}

bool is_inherited(const Endpoint& address) { return inherited().contains(address); }

}  // namespace tandem
