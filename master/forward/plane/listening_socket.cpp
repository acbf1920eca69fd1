#include "master/forward/plane/listening_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "common/base/inherited_sockets.hpp"
#include "master/forward/plane/other_listeners.hpp"

namespace tandem::master {

namespace {

namespace asio = boost::asio;

enum class Sharing { none, with_other_loops };

// What a system call failed at that left `error` in errno.
Error cannot(const ListenAddress& address, const char* what, int error) {
  const boost::system::error_code code(error, boost::system::system_category());
  return fail(ErrorCode::io, fmt::format("{} {}: cannot {}: {}", address.flag(),
                                         address.endpoint.to_string(), what, code.message()));
}

// A bound socket; -1: not, and errno says why.
int bound_socket(const ListenAddress& wanted, Sharing sharing) {
  const asio::ip::tcp::endpoint address(asio::ip::make_address(wanted.endpoint.host),
                                        wanted.endpoint.port);
  const int family = address.protocol().family();
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (wanted.binds_absent && family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
  } else if (wanted.binds_absent) {
    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  }
  if (sharing == Sharing::with_other_loops) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0) return fd;
  const int why = errno;
  ::close(fd);
  errno = why;
  return -1;
}

}  // namespace

Result<> ListeningSocket::check_free(const ListenAddress& address, const std::set<ino_t>& own) {
  if (address.endpoint.port == 0 || has_inherited_sockets(address.flag(), address.endpoint))
    return {};
  const int fd = bound_socket(address, Sharing::none);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  const int why = errno;
  if (why == EADDRINUSE && !own.empty() && !others_listen_at(address.endpoint, own)) return {};
  return cannot(address, "listen", why);
}

std::vector<ListeningSocket> ListeningSocket::inherit(const ListenAddress& address, bool& is_kept) {
  std::vector<ListeningSocket> sockets;
  const auto inherited = open_inherited_sockets(address.flag(), address.endpoint);
  if (!inherited) return sockets;
  is_kept = inherited->is_kept;
  auto bound = address;
  bound.endpoint.port = inherited->bound.port;
  for (const int socket : inherited->sockets) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockets.push_back(ListeningSocket(bound, socket));
  }
  return sockets;
}

Result<ListeningSocket> ListeningSocket::again() const {
  const int socket = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (socket < 0) return cannot(address_, "listen", errno);
  return ListeningSocket(address_, socket);
}

Result<ListeningSocket> ListeningSocket::open(const ListenAddress& address) {
  const int fd = bound_socket(address, Sharing::with_other_loops);
  if (fd < 0) return cannot(address, "listen", errno);
  ListeningSocket opened(address, fd);
  if (listen(fd, SOMAXCONN) != 0) return cannot(address, "listen", errno);
  asio::ip::tcp::endpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  getsockname(fd, local.data(), &size);
  local.resize(size);
  opened.address_.endpoint.port = local.port();
  return opened;
}

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) ::close(fd_);
}

ino_t ListeningSocket::inode() const {
  struct stat status {};
  return fstat(fd_, &status) == 0 ? status.st_ino : 0;
}

}  // namespace tandem::master
