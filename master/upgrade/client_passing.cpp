#include "master/upgrade/client_passing.hpp"

#include <algorithm>
#include <span>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/forward/client/passed_client.hpp"
#include "master/upgrade/limits.hpp"

namespace tandem::master {

struct ClientPassing::Waiting {
  PassedClient client;
  std::string port;
  bool tls = false;
};

ClientPassing::ClientPassing(DataPlane& plane, UpgradeLink link,
                             std::function<void(const LeaderNote&)> lead)
    : plane_(plane), link_(std::move(link)), lead_(std::move(lead)) {}

ClientPassing::~ClientPassing() = default;

// On the loops.
void ClientPassing::take(PassedClient client, const Entrance& entrance) {
  {
    const Lock lock(mutex_);
    waiting_.push_back(
        std::make_unique<Waiting>(Waiting{std::move(client), entrance.port, entrance.tls}));
  }
  came_.notify_one();
}

bool ClientPassing::run(Instant deadline) {
  const auto ask = [this] {
    plane_.pass_on_clients([this](PassedClient client, const Entrance& entrance) {
      take(std::move(client), entrance);
    });
    report();
  };
  ask();
  auto asked = now();
  while (passes_) {
    auto batch = next_batch();
    const bool is_empty = batch.empty();
    if (!is_empty) pass(std::move(batch));
    listen_to_leader();
    if (is_empty && plane_.client_connections() == 0 && has_none_waiting()) return true;
    if (now() >= deadline) break;
    if (now() >= asked + limits::upgrade_report && passes_) {
      ask();
      asked = now();
    }
  }
  settle();
  return plane_.drain(std::max(deadline - now(), Duration::zero()));
}

// What the loops have given up by now is served here.
void ClientPassing::settle() {
  plane_.pass_on_clients({});
  plane_.await_loops();
  take_back({}, 0, {});
}

bool ClientPassing::has_none_waiting() {
  const Lock lock(mutex_);
  return waiting_.empty();
}

ClientPassing::Batch ClientPassing::next_batch() {
  Lock lock(mutex_);
  if (waiting_.empty()) came_.wait_for(lock.native(), limits::upgrade_look);
  Batch batch;
  while (!waiting_.empty() && batch.size() < limits::upgrade_descriptors_max) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return batch;
}

void ClientPassing::pass(Batch batch) {
  UpgradeMessage message{.is = "clients"};
  std::vector<int> sockets;
  for (const auto& each : batch) {
    const auto& arrival = each->client.arrival;
    message.clients.push_back({.peer = {arrival.peer.address().to_string(), arrival.peer.port()},
                               .port = each->port,
                               .tls = each->tls,
                               .has_proxy_header = arrival.has_proxy_header,
                               .is_heard = arrival.is_heard});
    if (const auto* const front = arrival.front.get()) {
      message.clients.back().front =
          FrontNote{front->port, front->tls, front->version, front->certificate};
    }
    sockets.push_back(each->client.socket.get());
  }
  const auto sent = link_.send(to_json(message), sockets, now() + limits::upgrade_step_max);
  if (!sent) return take_back(std::move(batch), 0, sent.error().message);
  const auto served = adopted();
  if (!served) return take_back(std::move(batch), 0, served.error().message);
  if (*served < batch.size()) {
    take_back(std::move(batch), *served, "the new process has no room for more");
  }
}

// How many of those that were sent last.
Result<std::size_t> ClientPassing::adopted() {
  const auto deadline = now() + limits::upgrade_step_max;
  for (;;) {
    const auto got = link_.receive(deadline);
    if (!got) return got.error();
    const auto message = parse_upgrade_message(got->text);
    if (!message) return message.error();
    if (message->is == "leads") lead_(message->leader);
    if (message->is == "adopted") return message->count;
  }
}

// They are served here, with those that come later.
void ClientPassing::take_back(Batch batch, std::size_t from, const std::string& why) {
  if (!why.empty()) log::warn("clients stay with this process reason=\"{}\"", why);
  passes_ = false;
  plane_.pass_on_clients({});
  const Lock lock(mutex_);
  for (auto& each : waiting_) batch.push_back(std::move(each));
  waiting_.clear();
  for (auto& each : std::span(batch).subspan(from)) {
    plane_.welcome_passed(each->client, each->port, each->tls);
  }
}

void ClientPassing::listen_to_leader() {
  while (auto got = link_.receive(now())) {
    const auto message = parse_upgrade_message(got->text);
    if (message && message->is == "leads") lead_(message->leader);
  }
}

void ClientPassing::report() {
  const UpgradeMessage held{.is = "held", .connections = plane_.client_connections()};
  if (passes_) (void)link_.send(to_json(held), {}, now() + 1ms);
}

}  // namespace tandem::master
