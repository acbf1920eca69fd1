#include "common/base/inherited_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/assert.hpp"
#include "common/base/mutex.hpp"

namespace tandem {

namespace {

constexpr int first_inherited = 3;
// A mistaken number must not make this close or change what is somebody else's.
constexpr int inherited_max = 64;

struct Inherited {
  Mutex mutex;
  std::vector<InheritedSockets> all TANDEM_GUARDED_BY(mutex);

  // An address whose port is known is the same whatever flag says it: it may speak TLS from now on.
  auto find(std::string_view flag, const Endpoint& wanted) TANDEM_REQUIRES(mutex) {
    const auto of_flag = [&](const InheritedSockets& each) {
      return each.wanted == wanted && (each.flag.empty() || each.flag == flag);
    };
    const auto found = std::find_if(all.begin(), all.end(), of_flag);
    if (found != all.end() || wanted.port == 0) return found;
    return std::find_if(all.begin(), all.end(),
                        [&](const auto& each) { return each.wanted == wanted; });
  }
};

Inherited& inherited() {
  static Inherited all;
  return all;
}

void prepare(int socket) {
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  const int unused = 0;  // the process before may have ended while it let clients go
  ::setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
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
    const auto address = address_of(socket);
    if (address) add_inherited_sockets({{}, *address, *address, {socket}, true});
  }
}

void add_inherited_sockets(InheritedSockets added) {
  TANDEM_ASSERT(!added.sockets.empty());
  auto& there = inherited();
  const Lock lock(there.mutex);
  there.all.push_back(std::move(added));
}

std::vector<InheritedSockets> drop_inherited_sockets() {
  auto& there = inherited();
  const Lock lock(there.mutex);
  std::vector<InheritedSockets> dropped;
  std::erase_if(there.all, [&dropped](InheritedSockets& each) {
    if (each.is_kept) return false;
    for (const int socket : each.sockets) ::close(socket);
    each.sockets.clear();
    dropped.push_back(std::move(each));
    return true;
  });
  return dropped;
}

bool has_inherited_sockets(std::string_view flag, const Endpoint& wanted) {
  auto& there = inherited();
  const Lock lock(there.mutex);
  return there.find(flag, wanted) != there.all.end();
}

std::optional<InheritedSockets> open_inherited_sockets(std::string_view flag,
                                                       const Endpoint& wanted) {
  auto& there = inherited();
  const Lock lock(there.mutex);
  const auto found = there.find(flag, wanted);
  if (found == there.all.end()) return std::nullopt;
  auto opened = *found;
  if (found->is_kept) {
    for (int& socket : opened.sockets) socket = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    std::erase_if(opened.sockets, [](int socket) { return socket < 0; });
  } else {
    there.all.erase(found);
  }
  if (opened.sockets.empty()) return std::nullopt;
  for (const int socket : opened.sockets) prepare(socket);
  return opened;
}

}  // namespace tandem
