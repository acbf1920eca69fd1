#include "master/upgrade/former_process.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/version.hpp"
#include "common/base/write_text.hpp"
#include "master/forward/client/passed_client.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/upgrade/limits.hpp"

namespace tandem::master {

namespace {

// The old process may have been frozen; nothing is lost by waiting.
constexpr Duration patience = 24h;

Instant in(Duration time) { return now() + time; }

}  // namespace

std::unique_ptr<FormerProcess> FormerProcess::find() {
  auto link = UpgradeLink::inherited();
  if (link) return std::make_unique<FormerProcess>(std::move(*link));
  if (link.error().code != ErrorCode::not_found) {
    write_text(stderr, fmt::format("tandem-master: {}: it is ignored\n", link.error().message));
  }
  return nullptr;
}

FormerProcess::FormerProcess(UpgradeLink link) : link_(std::move(link)), pid_(::getppid()) {}

FormerProcess::~FormerProcess() { stop(); }

void FormerProcess::stop() {
  stopping_.store(true, std::memory_order_release);
  ::shutdown(link_.descriptor(), SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
}

void FormerProcess::refuse(std::string_view why) {
  const UpgradeMessage failed{.is = "failed", .message = std::string(why)};
  (void)link_.send(to_json(failed), {}, in(limits::upgrade_step_max));
}

// Errors: `unavailable`: the old process has ended.
Result<UpgradeMessage> FormerProcess::await(std::string_view step, Instant deadline) {
  for (;;) {
    auto got = link_.receive(deadline);
    if (!got) return got.error();
    auto message = parse_upgrade_message(got->text);
    if (!message || message->is == step) return message;
  }
}

Result<> FormerProcess::take(UpgradeLink::Message& got, const UpgradeMessage& message) {
  std::size_t expected = 0;
  for (const auto& each : message.addresses) expected += each.count;
  if (got.is_cut || got.descriptors.size() != expected) {
    return fail(ErrorCode::io,
                "the listening sockets cannot be taken over: this process may not have as many "
                "descriptors (LimitNOFILE=, ulimit -n)");
  }
  auto next = got.descriptors.begin();
  for (const auto& each : message.addresses) {
    InheritedSockets address{
        .flag = each.flag, .wanted = each.wanted, .bound = each.bound, .is_kept = each.is_kept};
    for (std::size_t i = 0; i < each.count; ++i) address.sockets.push_back((next++)->release());
    if (!address.sockets.empty()) add_inherited_sockets(std::move(address));
  }
  return {};
}

Result<> FormerProcess::take_sockets(const Check& check) {
  const UpgradeMessage ready{.is = "ready", .version = version, .protocol = upgrade_protocol};
  if (!link_.send(to_json(ready), {}, in(limits::upgrade_step_max))) return {};
  for (;;) {
    auto got = link_.receive(in(patience));
    if (!got) return {};  // it has ended: an ordinary start
    const auto message = parse_upgrade_message(got->text);
    if (!message) return message.error();
    if (message->is != "sockets") continue;
    auto good = take(*got, *message);
    if (good && message->is_last) good = check(message->member);
    if (!good) {
      refuse(good.error().message);
      return good;
    }
    if (message->is_last) break;
  }
  (void)link_.send(R"({"is":"taken"})", {}, in(limits::upgrade_step_max));
  return {};
}

Result<> FormerProcess::await_release() {
  auto released = await("release", in(patience));
  if (released) {
    workers_ = std::move(released->workers);
    connections_ = released->connections;
  } else if (released.error().code == ErrorCode::invalid) {
    return released.error();
  }
  since_ = std::chrono::system_clock::now();
  return {};
}

void FormerProcess::await_shut(Duration lease) {
  if (!link_.send(R"({"is":"opened"})", {}, in(limits::upgrade_step_max))) return;
  const auto shut = await("shut", in(lease));
  if (!shut && shut.error().code == ErrorCode::timed_out) {
    log::warn("the process before is silent pid={}", pid_);
  }
}

void FormerProcess::serve(const std::vector<InheritedSockets>& left, DataPlane& plane,
                          std::function<void()> on_main) {
  UpgradeMessage serving{.is = "serving"};
  for (const auto& each : left) {
    serving.addresses.push_back({.flag = each.flag, .wanted = each.wanted, .bound = each.bound});
  }
  on_main_ = std::move(on_main);
  (void)link_.send(to_json(serving), {}, in(limits::upgrade_step_max));
  thread_ = std::thread([this, &plane] { receive(plane); });
  pthread_setname_np(thread_.native_handle(), "upgrade");
}

void FormerProcess::tell(const Leadership& leadership) {
  if (is_gone_.load(std::memory_order_acquire)) return;
  UpgradeMessage message{.is = "leads"};
  auto& leader = message.leader;
  leader = {.term = leadership.term.value(),
            .is_self = leadership.is_primary,
            .primary = leadership.primary,
            .pass = leadership.primary_pass};
  // What is not to go there in clear stays with whom the old process knows, or waits.
  const auto& takes = leadership.primary_takes();
  if (takes && leadership.primary_tls == nullptr) leader.listen = takes->to_string();
  (void)link_.send(to_json(message), {}, now());
}

std::optional<FormerProcess::Standing> FormerProcess::standing() const {
  const bool has_given_up = since_ != std::chrono::system_clock::time_point();
  if (is_gone_.load(std::memory_order_acquire) || !has_given_up) return std::nullopt;
  return Standing{pid_, since_, connections_.load(std::memory_order_relaxed)};
}

void FormerProcess::become_main() {
  if (auto told = std::exchange(on_main_, nullptr)) told();
}

// On a thread of its own, until the old process has ended.
void FormerProcess::receive(DataPlane& plane) {
  std::size_t adopted = 0;
  while (!stopping_.load(std::memory_order_acquire)) {
    auto got = link_.receive(in(limits::upgrade_look));
    if (!got && got.error().code == ErrorCode::timed_out) continue;
    if (!got) break;
    const auto message = parse_upgrade_message(got->text);
    if (!message) {
      log::warn("the process before is not understood reason=\"{}\"", message.error().message);
      continue;
    }
    if (message->is == "main") become_main();
    if (message->is == "held") connections_ = message->connections;
    if (message->is == "clients") adopted += adopt(*got, *message, plane);
  }
  is_gone_.store(true, std::memory_order_release);
  plane.set_former(false);
  become_main();
  log::info("the process before has ended pid={} clients={}", pid_, adopted);
}

// Only the first so many: the others are still open in the old process.
std::size_t FormerProcess::adopt(UpgradeLink::Message& got, const UpgradeMessage& message,
                                 DataPlane& plane) {
  UpgradeMessage answer{.is = "adopted"};
  const auto most = std::min(message.clients.size(), got.descriptors.size());
  for (std::size_t i = 0; i < most; ++i) {
    const auto& note = message.clients[i];
    boost::system::error_code error;
    const auto address = asio::ip::make_address(note.peer.host, error);
    if (error) break;
    PassedClient client{.socket = std::move(got.descriptors[i]),
                        .arrival = {.peer = {address, note.peer.port},
                                    .has_proxy_header = note.has_proxy_header,
                                    .is_heard = note.is_heard}};
    if (note.front) {
      client.arrival.front = std::make_shared<const FrontConnection>(FrontConnection{
          note.front->port, note.front->tls, note.front->version, note.front->certificate});
    }
    if (!plane.welcome_passed(client, note.port, note.tls)) break;
    ++answer.count;
  }
  (void)link_.send(to_json(answer), {}, in(limits::upgrade_step_max));
  return answer.count;
}

}  // namespace tandem::master
