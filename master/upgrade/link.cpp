#include "master/upgrade/link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "master/upgrade/limits.hpp"

namespace tandem::master {

namespace {

constexpr std::size_t control_bytes = CMSG_SPACE(limits::upgrade_descriptors_max * sizeof(int));

Error link_failed(const char* what) {
  if (errno == EPIPE || errno == ECONNRESET) {
    return fail(ErrorCode::unavailable, "the other process has ended");
  }
  return fail(ErrorCode::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<std::pair<UpgradeLink, UpgradeLink>> UpgradeLink::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return link_failed("cannot make a pair of sockets");
  }
  return std::pair(UpgradeLink(ends[0]), UpgradeLink(ends[1]));
}

Result<UpgradeLink> UpgradeLink::inherited() {
  const char* value = std::getenv(upgrade_environment);
  if (value == nullptr) return fail(ErrorCode::not_found, "this is no upgrade");
  const std::string text = value;
  ::unsetenv(upgrade_environment);
  int socket = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), socket);
  ucred other{};
  socklen_t bytes = sizeof other;
  int kind = 0;
  socklen_t kind_bytes = sizeof kind;
  const bool is_ours = error == std::errc() && end == text.data() + text.size() && socket > 2 &&
                       ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &kind, &kind_bytes) == 0 &&
                       kind == SOCK_SEQPACKET &&
                       ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &other, &bytes) == 0 &&
                       other.pid == ::getppid() && other.uid == ::geteuid();
  if (!is_ours) {
    return invalid(fmt::format("{} names no socket of the process that started this one",
                               upgrade_environment));
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  return UpgradeLink(socket);
}

Result<> UpgradeLink::await(short events, Instant deadline) const {
  for (;;) {
    const auto left = deadline - now();
    if (left <= Duration::zero()) return fail(ErrorCode::timed_out, "the other process is silent");
    pollfd waits{end_.get(), events, 0};
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = ::poll(&waits, 1, static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return link_failed("cannot wait for the other process");
  }
}

Result<> UpgradeLink::send(std::string_view text, std::span<const int> descriptors,
                           Instant deadline) const {
  TANDEM_ASSERT(descriptors.size() <= limits::upgrade_descriptors_max);
  TANDEM_ASSERT(text.size() <= limits::upgrade_message_bytes_max);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(end_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    // As many descriptors as this user may have are on their way to somebody (ETOOMANYREFS).
    const bool is_full = errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS;
    if (!is_full && errno != EINTR) return link_failed("cannot tell the other process");
    if (auto waited = await(POLLOUT, deadline); !waited) return waited;
  }
}

Result<UpgradeLink::Message> UpgradeLink::receive(Instant deadline) const {
  Message got;
  got.text.resize(limits::upgrade_message_bytes_max);
  iovec piece{got.text.data(), got.text.size()};
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t bytes = -1;
  for (;;) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    bytes = ::recvmsg(end_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (bytes >= 0) break;
    if (errno != EAGAIN && errno != EINTR) return link_failed("cannot hear the other process");
    if (auto waited = await(POLLIN, deadline); !waited) return waited.error();
  }
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      got.descriptors.emplace_back(descriptor);
    }
  }
  if (bytes == 0) return fail(ErrorCode::unavailable, "the other process has ended");
  got.text.resize(static_cast<std::size_t>(bytes));
  got.is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  return got;
}

}  // namespace tandem::master
