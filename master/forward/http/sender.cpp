#include "master/forward/http/sender.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

// The last member of X-Forwarded-For, which may be several lines, and the one before it.
struct LastMembers {
  std::string_view last;
  std::string_view before;
};

LastMembers last_members(const RequestHead& request) {
  LastMembers members;
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_for) continue;
    for_each_member(field.value, [&](std::string_view member) {
      members.before = std::exchange(members.last, member);
    });
  }
  return members;
}

// ADDRESS, ADDRESS:PORT with an IPv4 address, [ADDRESS] or [ADDRESS]:PORT.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, std::min(text.find(']'), text.size()) - 1);
  const auto colon = text.find(':');
  const bool has_port = colon != text.npos && text.find(':', colon + 1) == text.npos;
  return has_port ? text.substr(0, colon) : text;
}

}  // namespace

std::string_view plain_address(std::string_view text, AddressText& room) {
  const auto address = without_port(text);
  if (address.empty() || address.size() >= room.size()) return text;
  room.fill('\0');
  address.copy(room.data(), address.size());
  in6_addr v6{};
  in_addr v4{};
  if (inet_pton(AF_INET, room.data(), &v4) == 1) {
    inet_ntop(AF_INET, &v4, room.data(), room.size());
  } else if (inet_pton(AF_INET6, room.data(), &v6) != 1) {
    return text;
  } else if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, &v6.s6_addr[12], room.data(), room.size());
  } else {
    inet_ntop(AF_INET6, &v6, room.data(), room.size());
  }
  return room.data();
}

std::string_view peer_of_master(const RequestHead& request) { return last_members(request).last; }

std::string_view client_address(const RequestHead& request, const Sender& sender,
                                AddressText& room) {
  if (!sender.trusted) return sender.address;
  const auto members = last_members(request);
  // The last member is the proxy itself, which the master has added.
  const auto forwarded = sender.by_master ? members.before : members.last;
  return forwarded.empty() ? sender.address : plain_address(forwarded, room);
}

bool came_by_https(const RequestHead& request, const Sender& sender) {
  if (!sender.is_believed()) return sender.https;
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_proto) continue;
    const auto first = field.value.substr(0, field.value.find(','));
    return equal_ignoring_case(trimmed(first), "https");
  }
  return sender.https;
}

}  // namespace tandem::master
