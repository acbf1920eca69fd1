#include "master/forward/plane/listeners.hpp"

#include <algorithm>

namespace tandem::master {

namespace {

using Addresses = std::vector<OpenAddress>;

// Takes out of `unused` what may serve as `wanted`.
std::optional<OpenAddress> take_out(Addresses& unused, const ListenAddress& wanted, bool tls) {
  const auto found = std::find_if(unused.begin(), unused.end(), [&](const OpenAddress& each) {
    return each.wanted.endpoint == wanted.endpoint && each.wanted.tls == tls &&
           each.wanted.inner == wanted.inner;
  });
  if (found == unused.end()) return std::nullopt;
  auto taken = std::move(*found);
  unused.erase(found);
  return taken;
}

}  // namespace

std::optional<Endpoint> first_of(const Addresses& addresses, bool tls) {
  const auto found = std::find_if(addresses.begin(), addresses.end(), [tls](const auto& each) {
    return each.bound.tls == tls && !each.bound.inner;
  });
  if (found == addresses.end()) return std::nullopt;
  return found->bound.endpoint;
}

std::optional<Endpoint> inner_of(const Addresses& addresses) {
  const auto found = std::find_if(addresses.begin(), addresses.end(),
                                  [](const auto& each) { return each.bound.inner; });
  if (found == addresses.end()) return std::nullopt;
  return found->bound.endpoint;
}

Result<> Listeners::open(const ListenAddress& wanted, unsigned loops, ListenPlan& plan) {
  std::set<ino_t> own;
  for (const auto& each : addresses_) own.insert(each.inodes.begin(), each.inodes.end());
  for (const auto& each : plan.addresses) own.insert(each.inodes.begin(), each.inodes.end());
  if (const auto free = ListeningSocket::check_free(wanted, own); !free) return free;
  ListenPlan::Opened opened{.number = next_number_++};
  OpenAddress address{.wanted = wanted, .bound = wanted, .number = opened.number};
  opened.sockets = ListeningSocket::inherit(wanted, address.is_kept);
  const auto inherited = opened.sockets.size();
  if (inherited > 0) address.bound = opened.sockets.front().address();
  while (opened.sockets.size() < loops) {
    // The first learns the port that the kernel chooses; the others join it there.
    auto socket = inherited > 0 ? opened.sockets[opened.sockets.size() % inherited].again()
                                : ListeningSocket::open(address.bound);
    if (!socket) return socket.error();
    address.bound = socket->address();
    opened.sockets.push_back(std::move(*socket));
  }
  for (const auto& socket : opened.sockets) address.inodes.push_back(socket.inode());
  plan.addresses.push_back(std::move(address));
  plan.opened.push_back(std::move(opened));
  return {};
}

Result<ListenPlan> Listeners::plan(const std::vector<ListenAddress>& wanted, unsigned loops) {
  ListenPlan plan;
  auto unused = addresses_;
  std::vector<std::optional<OpenAddress>> kept;
  for (const auto& each : wanted) kept.push_back(take_out(unused, each, each.tls));
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    const auto& each = wanted[at];
    auto same = std::move(kept[at]);
    if (!same && each.endpoint.port != 0) {
      same = take_out(unused, each, !each.tls);
      if (same) {
        plan.renumbered.emplace_back(same->number, next_number_);
        same->number = next_number_++;
        same->wanted.tls = same->bound.tls = each.tls;
      }
    }
    if (same) {
      plan.addresses.push_back(std::move(*same));
    } else if (const auto opened = open(each, loops, plan); !opened) {
      return opened.error();
    }
  }
  for (const auto& each : unused) plan.left.push_back(each.number);
  return plan;
}

}  // namespace tandem::master
