// What is passed on to a process that takes the place of this one, and taken from the one before.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <set>
#include <thread>

#include "common/base/clock.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/forward/plane/loop.hpp"

namespace tandem::master {

namespace {

// A loop that does not answer for so long is stuck.
constexpr Duration loop_answer_max = 2s;

ino_t inode_of(int socket) {
  struct stat status {};
  return fstat(socket, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

Result<std::vector<DataPlane::SharedAddress>> DataPlane::listening_sockets() {
  using Found = std::vector<std::pair<unsigned, int>>;
  std::vector<std::shared_ptr<std::promise<Found>>> asked;
  for (auto& loop : loops_) {
    auto answer = asked.emplace_back(std::make_shared<std::promise<Found>>());
    loop->post([loop = loop.get(), answer] { answer->set_value(loop->listening_sockets()); });
  }
  std::vector<SharedAddress> addresses;
  const Lock lock(publishing_);
  for (const auto& each : listeners_.addresses()) {
    addresses.push_back({each.number,
                         {.flag = each.wanted.flag(),
                          .wanted = each.wanted.endpoint,
                          .bound = each.bound.endpoint,
                          .is_kept = each.is_kept}});
  }
  bool is_whole = true;
  std::set<ino_t> known;  // loops may share a socket
  for (const auto& answer : asked) {
    auto coming = answer->get_future();
    if (coming.wait_for(loop_answer_max) != std::future_status::ready) {
      is_whole = false;
      continue;
    }
    for (const auto& [number, socket] : coming.get()) {
      const auto has_it = [wanted = number](const auto& each) { return each.number == wanted; };
      const auto found = std::find_if(addresses.begin(), addresses.end(), has_it);
      if (found == addresses.end() || !known.insert(inode_of(socket)).second) {
        ::close(socket);
      } else {
        found->sockets.sockets.push_back(socket);
      }
    }
  }
  std::erase_if(addresses, [](const auto& each) { return each.sockets.sockets.empty(); });
  if (is_whole) return addresses;
  for (const auto& each : addresses) {
    for (const int socket : each.sockets.sockets) ::close(socket);
  }
  return fail(ErrorCode::unavailable, "a loop of this process does not answer");
}

std::vector<OpenAddress> DataPlane::addresses() const {
  const Lock lock(publishing_);
  return listeners_.addresses();
}

void DataPlane::abandon(const std::vector<unsigned>& numbers) {
  for (auto& loop : loops_) loop->abandon(numbers);
  await_loops();
}

void DataPlane::await_loops() {
  std::vector<std::shared_ptr<std::promise<void>>> asked;
  for (auto& loop : loops_) {
    auto answer = asked.emplace_back(std::make_shared<std::promise<void>>());
    loop->post([answer] { answer->set_value(); });
  }
  for (const auto& answer : asked) answer->get_future().wait_for(loop_answer_max);
}

void DataPlane::forward_to_primary() {
  ForwardOptions options;
  {
    const Lock lock(publishing_);
    options = current_;
  }
  options.standby_traffic = StandbyTraffic::forward;
  (void)adopt(options);
}

void DataPlane::pass_on_clients(const TakeClient& take) {
  for (auto& loop : loops_) loop->pass_on_clients(take);
}

bool DataPlane::welcome_passed(PassedClient& client, const std::string& port, bool tls) {
  const auto clients_of = [](const auto& loop) {
    return loop->counters().client_connections.load(std::memory_order_relaxed);
  };
  const auto least =
      std::min_element(loops_.begin(), loops_.end(),
                       [&](const auto& a, const auto& b) { return clients_of(a) < clients_of(b); });
  if ((*least)->is_full()) return false;
  {
    const Lock lock(publishing_);
    const auto& addresses = listeners_.addresses();
    const auto serves = [&](const OpenAddress& each, bool any_port) {
      if (each.bound.tls != tls) return false;
      return (any_port && !each.bound.inner) || std::to_string(each.bound.endpoint.port) == port;
    };
    auto found = std::find_if(addresses.begin(), addresses.end(),
                              [&](const auto& each) { return serves(each, false); });
    if (found == addresses.end()) {
      found = std::find_if(addresses.begin(), addresses.end(),
                           [&](const auto& each) { return serves(each, true); });
    }
    if (found == addresses.end()) return false;
    client.entrance = found->number;
  }
  (*least)->welcome_passed(std::move(client));
  return true;
}

bool DataPlane::await_no_clients(Duration timeout) const {
  const auto deadline = now() + timeout;
  while (client_connections() > 0) {
    if (now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace tandem::master
