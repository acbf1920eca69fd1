#include "master/vip/rtnetlink.hpp"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "master/vip/limits.hpp"

namespace tandem::master {

namespace {

using Message = std::vector<std::uint8_t>;

constexpr std::size_t answer_bytes_max = 32 * 1024;
constexpr int events_bytes = 1 << 20;  // a burst of link changes on a host of many containers

template <class Value>
void put_value(Message& message, const Value& value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  message.insert(message.end(), bytes, bytes + sizeof value);
  message.resize(NLMSG_ALIGN(message.size()));
}

void put_attribute(Message& message, unsigned short type, const void* value, std::size_t size) {
  rtattr attribute{};
  attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
  attribute.rta_type = type;
  put_value(message, attribute);
  const auto* bytes = static_cast<const std::uint8_t*>(value);
  message.insert(message.end(), bytes, bytes + size);
  message.resize(NLMSG_ALIGN(message.size()));
}

Message begin(std::uint16_t type, std::uint16_t flags) {
  Message message;
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  put_value(message, header);
  return message;
}

void put_address(Message& message, const VipSpec& vip, unsigned interface) {
  ifaddrmsg address{};
  address.ifa_family = vip.v6 ? AF_INET6 : AF_INET;
  address.ifa_prefixlen = static_cast<std::uint8_t>(vip.prefix_bits);
  address.ifa_scope = RT_SCOPE_UNIVERSE;
  address.ifa_index = interface;
  put_value(message, address);
  put_attribute(message, IFA_LOCAL, vip.bytes.data(), vip.size());
  put_attribute(message, IFA_ADDRESS, vip.bytes.data(), vip.size());
}

Result<int> open_socket(unsigned groups, int flags) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = groups;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) return fd;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return fail(ErrorCode::io,
              fmt::format("the kernel's addresses cannot be asked for: {}", std::strerror(error)));
}

// The content of an RTM_NEWADDR or RTM_DELADDR.
struct Address {
  unsigned interface = 0;
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};
  bool ours = false;
};

std::optional<Address> read_address(const nlmsghdr* header) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) return std::nullopt;
  const auto* said = static_cast<const ifaddrmsg*>(NLMSG_DATA(header));
  Address address;
  address.interface = said->ifa_index;
  address.v6 = said->ifa_family == AF_INET6;
  const std::size_t size = address.v6 ? 16 : 4;
  bool has_local = false;
  int left = static_cast<int>(IFA_PAYLOAD(header));
  for (const auto* attribute = IFA_RTA(said); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    const auto* value = static_cast<const std::uint8_t*>(RTA_DATA(attribute));
    const bool is_local = attribute->rta_type == IFA_LOCAL;
    // Of a point-to-point link IFA_ADDRESS is the other end's.
    if ((is_local || (attribute->rta_type == IFA_ADDRESS && !has_local)) &&
        RTA_PAYLOAD(attribute) == size) {
      std::copy_n(value, size, address.bytes.begin());
      has_local = has_local || is_local;
    }
    if (attribute->rta_type == IFA_CACHEINFO && RTA_PAYLOAD(attribute) >= sizeof(ifa_cacheinfo)) {
      ifa_cacheinfo lifetimes{};
      std::memcpy(&lifetimes, value, sizeof lifetimes);
      address.ours = lifetimes.ifa_prefered == 0 &&
                     std::chrono::seconds(lifetimes.ifa_valid) <= limits::vip_lifetime;
    }
  }
  return address;
}

bool is_of(const Address& address, const VipSpec& vip) {
  return address.v6 == vip.v6 && address.bytes == vip.bytes;
}

}  // namespace

std::optional<Interface> find_interface(const std::string& name) {
  Interface interface;
  interface.index = ::if_nametoindex(name.c_str());
  const int any = interface.index == 0 ? -1 : ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(any, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER) {
    std::memcpy(interface.mac.emplace().data(), request.ifr_hwaddr.sa_data, 6);
  }
  if (::ioctl(any, SIOCGIFFLAGS, &request) == 0) {
    interface.up = (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
  }
  ::close(any);
  return interface;
}

std::string interface_names() {
  std::string names;
  auto* const list = ::if_nameindex();
  for (auto* each = list; each != nullptr && each->if_index != 0; ++each) {
    names += (names.empty() ? "" : ", ") + std::string(each->if_name);
  }
  if (list != nullptr) ::if_freenameindex(list);
  return names;
}

Result<Rtnetlink> Rtnetlink::open() {
  const auto socket = open_socket(0, 0);
  if (!socket) return socket.error();
  return Rtnetlink(*socket);
}

Rtnetlink::~Rtnetlink() {
  if (socket_ >= 0) ::close(socket_);
}
Rtnetlink::Rtnetlink(Rtnetlink&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), sequence_(other.sequence_) {}
Rtnetlink& Rtnetlink::operator=(Rtnetlink&& other) noexcept {
  std::swap(socket_, other.socket_);
  sequence_ = other.sequence_;
  return *this;
}

int Rtnetlink::put(const VipSpec& vip, unsigned interface, std::chrono::seconds lifetime) {
  auto message = begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  put_address(message, vip, interface);
  // RFC 4862 §5.5.4: a deprecated address is not used as the source of new connections, which would
  // break when it moves. IPv4 has no such rule: the first address of a network is the source.
  ifa_cacheinfo lifetimes{};
  lifetimes.ifa_valid = static_cast<std::uint32_t>(lifetime.count());
  lifetimes.ifa_prefered = 0;
  put_attribute(message, IFA_CACHEINFO, &lifetimes, sizeof lifetimes);
  // Otherwise an IPv6 address with a lifetime would give that lifetime to the route to its network,
  // which the host itself may need.
  const std::uint32_t flags = vip.v6 ? IFA_F_NODAD | IFA_F_NOPREFIXROUTE : 0;
  put_attribute(message, IFA_FLAGS, &flags, sizeof flags);
  return transact(message);
}

int Rtnetlink::remove(const VipSpec& vip, unsigned interface) {
  auto message = begin(RTM_DELADDR, NLM_F_ACK);
  put_address(message, vip, interface);
  return transact(message);
}

int Rtnetlink::transact(Message& request) {
  const auto error = send(request);
  return error != 0 ? error : await_end([](const nlmsghdr*) {});
}

int Rtnetlink::send(Message& request) {
  auto* const header = reinterpret_cast<nlmsghdr*>(request.data());
  header->nlmsg_len = static_cast<std::uint32_t>(request.size());
  header->nlmsg_seq = ++sequence_;
  return ::send(socket_, request.data(), request.size(), 0) < 0 ? errno : 0;
}

// Passes the kernel's answers to the last request to `each`. Returns the final status.
int Rtnetlink::await_end(const std::function<void(const nlmsghdr*)>& each) {
  alignas(nlmsghdr) std::array<std::uint8_t, answer_bytes_max> answer;
  for (;;) {
    const auto size = ::recv(socket_, answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    auto left = static_cast<std::uint32_t>(size);
    for (const auto* said = reinterpret_cast<const nlmsghdr*>(answer.data()); NLMSG_OK(said, left);
         said = NLMSG_NEXT(said, left)) {
      if (said->nlmsg_seq != sequence_) continue;
      if (said->nlmsg_type == NLMSG_DONE) return 0;
      if (said->nlmsg_type == NLMSG_ERROR) {
        return -static_cast<const nlmsgerr*>(NLMSG_DATA(said))->error;
      }
      each(said);
    }
  }
}

Result<std::vector<FoundAddress>> Rtnetlink::find(const VipSpec& vip) {
  auto message = begin(RTM_GETADDR, NLM_F_DUMP);
  ifaddrmsg wanted{};
  wanted.ifa_family = vip.v6 ? AF_INET6 : AF_INET;
  put_value(message, wanted);
  const auto sent = send(message);
  std::vector<FoundAddress> found;
  const auto error = sent != 0 ? sent : await_end([&](const nlmsghdr* said) {
    const auto address = read_address(said);
    if (address && is_of(*address, vip)) found.push_back({address->interface, address->ours});
  });
  if (error == 0) return found;
  return fail(ErrorCode::io,
              fmt::format("the addresses cannot be listed: {}", std::strerror(error)));
}

Result<AddressEvents> AddressEvents::open() {
  const auto socket =
      open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, SOCK_NONBLOCK);
  if (!socket) return socket.error();
  ::setsockopt(*socket, SOL_SOCKET, SO_RCVBUF, &events_bytes, sizeof events_bytes);
  return AddressEvents(*socket);
}

AddressEvents::~AddressEvents() {
  if (socket_ >= 0) ::close(socket_);
}
AddressEvents::AddressEvents(AddressEvents&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

std::vector<AddressEvents::Event> AddressEvents::take() {
  std::vector<Event> events;
  alignas(nlmsghdr) std::array<std::uint8_t, answer_bytes_max> told;
  for (;;) {
    const auto size = ::recv(socket_, told.data(), told.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) events.push_back({.kind = Event::Kind::lost});
    if (size < 0 && errno == ENOBUFS) continue;
    if (size <= 0) return events;
    auto left = static_cast<std::uint32_t>(size);
    for (const auto* said = reinterpret_cast<const nlmsghdr*>(told.data()); NLMSG_OK(said, left);
         said = NLMSG_NEXT(said, left)) {
      if (said->nlmsg_type == RTM_DELADDR) {
        if (const auto address = read_address(said)) {
          events.push_back({.kind = Event::Kind::address_removed,
                            .interface = address->interface,
                            .v6 = address->v6,
                            .address = address->bytes});
        }
      } else if (said->nlmsg_type == RTM_NEWLINK || said->nlmsg_type == RTM_DELLINK) {
        const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(said));
        if (said->nlmsg_len < NLMSG_LENGTH(sizeof *link)) continue;
        events.push_back({.kind = Event::Kind::interface_changed,
                          .interface = static_cast<unsigned>(link->ifi_index)});
      }
    }
  }
}

}  // namespace tandem::master
