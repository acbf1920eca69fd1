#include "master/upgrade/next_process.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <span>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/upgrade/limits.hpp"

namespace tandem::master {

namespace {

// What was opened for the new process is open there by now, or not wanted.
struct ClosedAtEnd {
  explicit ClosedAtEnd(const std::vector<InheritedSockets>& all) : addresses(all) {}
  ~ClosedAtEnd() {
    for (const auto& address : addresses) {
      for (const int socket : address.sockets) ::close(socket);
    }
  }
  ClosedAtEnd(const ClosedAtEnd&) = delete;
  ClosedAtEnd& operator=(const ClosedAtEnd&) = delete;

  const std::vector<InheritedSockets>& addresses;
};

Instant step_deadline() { return now() + limits::upgrade_step_max; }

}  // namespace

NextProcess::NextProcess(ProgramStart start, UpgradeSteps steps)
    : start_(std::move(start)), steps_(std::move(steps)) {}

NextProcess::~NextProcess() { cancel(); }

Result<UpgradeBegun> NextProcess::begin() {
  Begun begun;
  auto awaited = begun.get_future();
  {
    const Lock lock(mutex_);
    if (is_cancelled() || is_done()) return fail(ErrorCode::conflict, "this process ends");
    if (under_way_) return fail(ErrorCode::conflict, "an upgrade is under way");
    if (const auto why = steps_.obstacle(); !why.empty()) return fail(ErrorCode::conflict, why);
    under_way_ = true;
    if (thread_.joinable()) thread_.join();  // it has ended, but for its last lines
    thread_ = std::thread([this, begun = std::move(begun)]() mutable { run(std::move(begun)); });
    pthread_setname_np(thread_.native_handle(), "upgrade");
  }
  return awaited.get();
}

void NextProcess::cancel() {
  cancelled_.store(true, std::memory_order_release);
  std::thread ending;
  {
    const Lock lock(mutex_);
    ending.swap(thread_);
  }
  if (ending.joinable()) ending.join();
}

UpgradeLink NextProcess::take_link() {
  TANDEM_ASSERT(is_done());
  const Lock lock(mutex_);
  TANDEM_ASSERT(link_.has_value());
  auto link = std::move(*link_);
  link_.reset();
  return link;
}

void NextProcess::run(Begun begun) {
  UpgradeBegun about;
  member_ = steps_.member();
  auto next = prepare_whole(start_.path, about);
  const auto give_up = [this] {
    const Lock lock(mutex_);
    under_way_ = false;
  };
  if (!next) {
    log::error("upgrade refused reason=\"{}\"", next.error().message);
    give_up();
    return begun.set_value(fail(ErrorCode::conflict, next.error().message));
  }
  log::info("upgrade begun pid={} version={}", about.pid, about.version);
  const auto was_told = std::make_shared<std::promise<void>>();
  const auto told = was_told->get_future();
  about.untold = {nullptr, [was_told](std::nullptr_t) { was_told->set_value(); }};
  begun.set_value(std::move(about));
  told.wait_for(limits::upgrade_answer_max);
  steps_.hand_over();
  if (is_cancelled()) return give_up();
  log::info("upgrade: this process gives its place up pid={}", next->pid());
  steps_.release();
  has_released_ = true;
  finish(std::move(*next));
}

// A process that is ready, or why there is none.
Result<StartedProcess> NextProcess::prepare(const std::string& path, UpgradeBegun& begun) {
  auto next = StartedProcess::start(start_, path);
  if (!next) return next;
  auto ready = await(*next, "ready", now() + limits::upgrade_ready_max);
  if (!ready) return ready.error();
  if (ready->protocol != upgrade_protocol) {
    return fail(ErrorCode::conflict,
                fmt::format("version {} cannot take the place of this one: restart the master",
                            ready->version));
  }
  begun = {next->pid(), ready->version};
  return next;
}

// One that has the sockets too, so that nothing is missing but what only one process can have.
Result<StartedProcess> NextProcess::prepare_whole(const std::string& path, UpgradeBegun& begun) {
  auto next = prepare(path, begun);
  if (!next) return next;
  if (const auto given = give_sockets(next->link()); !given) return given.error();
  if (auto taken = await(*next, "taken", step_deadline()); !taken) return taken.error();
  return next;
}

// The next message of the process, which is to be that one.
Result<UpgradeMessage> NextProcess::await(StartedProcess& next, std::string_view step,
                                          Instant deadline) {
  for (;;) {
    if (has_released_) steps_.beat();
    const auto look = std::min(deadline, now() + limits::upgrade_look);
    auto got = next.link().receive(look);
    if (!got) {
      const bool waits = got.error().code == ErrorCode::timed_out && now() < deadline;
      if (waits && !is_cancelled()) continue;
      if (waits) return fail(ErrorCode::unavailable, "this process ends");
      if (got.error().code != ErrorCode::unavailable) return got.error();
      return fail(ErrorCode::unavailable,
                  fmt::format("the new process ended before it was {}: {}; its log says more", step,
                              next.end()));
    }
    auto message = parse_upgrade_message(got->text);
    if (!message) return message;
    if (message->is == "failed") return fail(ErrorCode::conflict, message->message);
    if (message->is == "leads") {
      leader_ = message->leader;
      if (!leader_.is_self) steps_.lead(leader_);
    }
    if (message->is == step) return message;
  }
}

Result<> NextProcess::give_sockets(const UpgradeLink& link) {
  const auto addresses = steps_.sockets();
  if (!addresses) return addresses.error();
  const ClosedAtEnd closing(*addresses);
  struct Part {
    const InheritedSockets* address;
    std::span<const int> sockets;
  };
  std::vector<Part> parts;
  for (const auto& address : *addresses) {
    for (std::span<const int> rest(address.sockets); !rest.empty();) {
      const auto here = rest.first(std::min(rest.size(), limits::upgrade_descriptors_max));
      parts.push_back({&address, here});
      rest = rest.subspan(here.size());
    }
  }
  for (const auto& part : parts) {
    UpgradeMessage message{.is = "sockets", .member = member_, .is_last = &part == &parts.back()};
    message.addresses.push_back({.flag = part.address->flag,
                                 .wanted = part.address->wanted,
                                 .bound = part.address->bound,
                                 .is_kept = part.address->is_kept,
                                 .count = part.sockets.size()});
    auto sent = link.send(to_json(message), part.sockets, step_deadline());
    if (!sent) return sent;
  }
  return {};
}

// REQUIRES: this process has given up its own
Result<> NextProcess::give_place(StartedProcess& next) {
  UpgradeMessage release{
      .is = "release", .workers = steps_.workers(), .connections = steps_.connections()};
  if (auto sent = next.link().send(to_json(release), {}, step_deadline()); !sent) return sent;
  if (auto opened = await(next, "opened", step_deadline()); !opened) return opened.error();
  steps_.shut();
  const UpgradeMessage shut{.is = "shut"};
  if (auto sent = next.link().send(to_json(shut), {}, step_deadline()); !sent) return sent;
  auto serving = await(next, "serving", step_deadline());
  if (!serving) return serving.error();
  steps_.abandon(serving->addresses);
  if (leader_.is_self) steps_.lead(leader_);
  return {};
}

// Until some process serves in the place of this one, or this one is told to end.
void NextProcess::finish(StartedProcess next) {
  std::optional<StartedProcess> candidate(std::move(next));
  for (;;) {
    if (candidate) {
      const auto pid = candidate->pid();
      const auto given = give_place(*candidate);
      if (given) break;
      candidate.reset();  // it serves nobody yet
      if (is_cancelled()) return;
      log::error("the new process does not serve pid={} reason=\"{}\"", pid, given.error().message);
    }
    UpgradeBegun about;
    auto again = prepare_whole(own_program, about);
    if (is_cancelled()) return;
    if (again) {
      log::warn("the version before is started again pid={}", about.pid);
      candidate.emplace(std::move(*again));
    } else {
      log::error("no process can be started in the place of this one reason=\"{}\"",
                 again.error().message);
      steps_.beat();
      std::this_thread::sleep_for(limits::upgrade_retry);
    }
  }
  log::info("upgrade: the new process serves pid={}", candidate->pid());
  process_ = candidate->pid();
  steps_.main_process(process_);
  const UpgradeMessage main{.is = "main"};
  if (const auto sent = candidate->link().send(to_json(main), {}, step_deadline()); !sent) {
    log::warn("the new process was not told reason=\"{}\"", sent.error().message);
  }
  {
    const Lock lock(mutex_);
    link_.emplace(candidate->let_go());
  }
  done_.store(true, std::memory_order_release);
  steps_.done();
}

}  // namespace tandem::master
