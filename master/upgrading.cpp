#include "master/upgrading.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/clock.hpp"
#include "common/base/locked_directory.hpp"
#include "common/base/log.hpp"
#include "common/base/stop_signals.hpp"
#include "common/http/http_server.hpp"
#include "master/control_options.hpp"
#include "master/events/event.hpp"
#include "master/forward/plane/descriptor_shares.hpp"
#include "master/forward/plane/listening_socket.hpp"
#include "master/upgrade/client_passing.hpp"
#include "master/upgrade/limits.hpp"

namespace tandem::master {

namespace {

// The store could not be written there otherwise.
Result<> check_room(const std::string& directory) {
  const auto path = fmt::format("{}/upgrade-check.{}", directory, ::getpid());
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  int error = file < 0 ? errno : 0;
  if (file >= 0) {
    error = ::posix_fallocate(file, 0, limits::upgrade_disk_bytes);
    if (error == 0 && ::fsync(file) != 0) error = errno;
    ::close(file);
    ::unlink(path.c_str());
  }
  if (error == 0) return {};
  return fail(ErrorCode::io,
              fmt::format("--data-dir {} cannot be written: {}", directory, std::strerror(error)),
              "--data-dir");
}

// The kernel lets it go a moment after the end of the process that had it.
Result<> await_directory(const std::string& directory) {
  const auto deadline = now() + limits::upgrade_lock_max;
  for (;;) {
    const auto opened = LockedDirectory::open(directory, "--data-dir", "tandem-master");
    if (opened) return {};
    if (opened.error().code != ErrorCode::conflict || now() >= deadline) return opened.error();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::set<std::string> names_of_workers(const SnapshotPtr& snapshot) {
  std::set<std::string> names;
  if (snapshot == nullptr) return names;
  for (const auto& service : snapshot->services) {
    for (const auto& worker : service->workers) {
      if (!worker->last_resort) names.insert(worker->name);
    }
  }
  return names;
}

Endpoint reachable(Endpoint address) {
  if (address.is_unspecified()) {
    address.host = address.host.find(':') == address.host.npos ? "127.0.0.1" : "::1";
  }
  return address;
}

}  // namespace

Upgrading::Upgrading(const MasterFlags& flags, ProgramStart start,
                     std::unique_ptr<FormerProcess> former, ServingGate& gate,
                     ServiceManager& manager, std::string pass)
    : flags_(flags),
      gate_(gate),
      manager_(manager),
      pass_(std::move(pass)),
      former_(std::move(former)),
      next_(std::move(start), steps()) {
  if (former_) manager_.wait_for_its_turn();
}

Upgrading::~Upgrading() {
  for (const int socket : control_socket_.sockets) ::close(socket);
}

// ---- in the place of another process

Result<> Upgrading::check() const {
  const auto errors = check_files(flags_);
  if (!errors.empty()) return invalid(fmt::format("{}", fmt::join(errors, "; ")));
  if (const auto most = descriptors(); most < limits::upgrade_descriptors_min) {
    return fail(ErrorCode::io, fmt::format("the new process may have no more than {} descriptors "
                                           "(LimitNOFILE=, ulimit -n)",
                                           most));
  }
  if (!flags_.vips.empty()) {
    if (const auto able = VirtualAddresses::check(flags_.vips); !able) return able;
  }
  return flags_.data_dir.empty() ? Result<>() : check_room(flags_.data_dir);
}

// While the process before serves: after it has given up its place nobody could serve in it. The
// sockets that it has passed on are inherited; what is opened besides has to be free.
Result<> Upgrading::check_place(const MemberNote& before) const {
  if (!before.node.empty() && before.node != flags_.node) {
    return invalid(fmt::format("--node {}: this master is {} in its cluster: start another with "
                               "--join, and `tandem master replace {} {}`",
                               flags_.node, before.node, before.node, flags_.node),
                   "--node");
  }
  if (before.level > flags_.feature_level) {
    return invalid(fmt::format("--feature-level {}: the cluster is at feature level {} already",
                               flags_.feature_level, before.level),
                   "--feature-level");
  }
  for (const auto& address : flags_.forward.addresses()) {
    // Its socket was passed on too, and can be opened once.
    if (address.endpoint == flags_.control && flags_.control.port != 0) {
      return fail(ErrorCode::conflict,
                  fmt::format("{} {}: cannot listen: it is the control address", address.flag(),
                              address.endpoint.to_string()));
    }
    if (const auto free = ListeningSocket::check_free(address, {}); !free) return free;
  }
  const auto control = HttpServer::check_free(flags_.control);
  if (control) return {};
  return fail(control.error().code, fmt::format("--control: {}", control.error().message),
              "--control");
}

Result<> Upgrading::take_over() {
  if (former_ == nullptr) return {};
  if (const auto good = check(); !good) {
    former_->refuse(good.error().message);
    return good;
  }
  const auto checked = [this](const MemberNote& before) { return check_place(before); };
  if (const auto taken = former_->take_sockets(checked); !taken) return taken;
  if (const auto released = former_->await_release(); !released) return released;
  return flags_.data_dir.empty() ? Result<>() : await_directory(flags_.data_dir);
}

void Upgrading::refuse(std::string_view why) {
  if (former_) former_->refuse(why);
}

Result<> Upgrading::serve(Parts parts) {
  parts_ = std::make_unique<const Parts>(parts);
  auto& [control, plane, reloader, vips] = *parts_;
  plane.set_former(former_ != nullptr);
  if (const auto opened = plane.open(); !opened) return opened;
  if (const auto plain = plane.address(false)) control.set_listen(*plain);
  if (const auto inner = plane.inner_address()) control.set_inner(*inner);
  if (former_) {
    await_workers();
    former_->await_shut(flags_.timing.election_timeout);
  } else {
    plane.accept();
  }
  if (vips != nullptr) vips->serve();
  control.take_part();
  if (former_ == nullptr) return {};
  await_leader();
  plane.accept();
  if (const auto opened = open_for_former(); !opened) return opened;
  const auto left = drop_inherited_sockets();
  former_->serve(left, plane, [this] { manager_.take_its_turn(); });
  return {};
}

void Upgrading::saw(const SnapshotPtr& snapshot) {
  {
    const Lock lock(mutex_);
    snapshot_ = snapshot;
  }
  changed_.notify_all();
}

void Upgrading::saw(const LeadershipPtr& leadership) {
  {
    const Lock lock(mutex_);
    leadership_ = leadership;
  }
  changed_.notify_all();
  if (former_) tell_former(*leadership);
}

void Upgrading::tell_former(const Leadership& leadership) {
  auto told = leadership;
  if (told.is_primary) {
    const Lock lock(mutex_);
    told.primary_listen = private_;
    told.primary_pass = pass_;
  }
  former_->tell(told);
}

// What it still has to ask goes to an address without TLS: an own one if clients have none. The
// next reload leaves it, and nobody else can be where it is told.
Result<> Upgrading::open_for_former() {
  auto& plane = parts_->plane;
  if (plane.address(false)) return {};
  auto wanted = flags_.forward.addresses();
  wanted.push_back({.endpoint = {"127.0.0.1", 0}});
  auto plan = plane.plan_addresses(wanted);
  if (!plan) return plan.error();
  plane.listen(std::make_shared<ListenPlan>(std::move(*plan)));
  LeadershipPtr known;
  {
    const Lock lock(mutex_);
    private_ = plane.address(false);
    known = leadership_;
  }
  if (known) tell_former(*known);
  return {};
}

// Their heartbeats, or answers to our probes.
void Upgrading::await_workers() {
  Lock lock(mutex_);
  const auto are_here = [this]() TANDEM_REQUIRES(mutex_) {
    const auto here = names_of_workers(snapshot_);
    const auto& known = former_->workers();
    return std::all_of(known.begin(), known.end(),
                       [&](const auto& name) { return here.contains(name); });
  };
  changed_.wait_for(lock.native(), limits::upgrade_workers_max, are_here);
}

void Upgrading::await_leader() {
  Lock lock(mutex_);
  const auto can_serve = [this]() TANDEM_REQUIRES(mutex_) {
    if (gate_.may_forward(now())) return true;
    return leadership_ != nullptr && !leadership_->is_primary && !leadership_->primary.empty();
  };
  changed_.wait_for(lock.native(), limits::upgrade_leader_max, can_serve);
}

// ---- another process in the place of this one

UpgradeHooks Upgrading::hooks() {
  return {.begin = [this]() -> Result<UpgradeStarted> {
            const auto begun = next_.begin();
            if (!begun) return begun.error();
            return UpgradeStarted{begun->pid, begun->version, begun->untold};
          },
          .process = {.pid = ::getpid(), .since = to_text(std::chrono::system_clock::now())},
          .former = [this]() -> std::optional<wire::ProcessStatus> {
            const auto former = former_ ? former_->standing() : std::nullopt;
            if (!former) return std::nullopt;
            return wire::ProcessStatus{former->pid, to_text(former->since), former->connections};
          }};
}

void Upgrading::upgrade() {
  // begin() has logged why.
  if (const auto begun = next_.begin(); !begun) {
    log::warn("no upgrade reason=\"{}\"", begun.error().message);
  }
}

bool Upgrading::end() {
  const bool was_done = next_.is_done();
  next_.cancel();
  if (former_) former_->stop();
  // Somebody wants the service to end, not only this process.
  if (!was_done && next_.is_done()) ::kill(next_.process(), SIGTERM);
  return next_.is_done();
}

bool Upgrading::pass_clients_on(Duration timeout) {
  ClientPassing passing(parts_->plane, next_.take_link(),
                        [this](const LeaderNote& leader) { lead(leader); });
  return passing.run(now() + timeout);
}

UpgradeSteps Upgrading::steps() {
  return {.sockets = [this] { return sockets(); },
          .member =
              [this] {
                return MemberNote{flags_.node, parts_->control.feature_level()};
              },
          .obstacle = [this] { return obstacle(); },
          .hand_over = [this] { hand_over(); },
          .release = [this] { release(); },
          .workers = [this] { return workers(); },
          .connections = [this] { return parts_->plane.client_connections(); },
          .shut =
              [this] {
                gate_.set_serve_until(Instant::never());
                gate_.set_granted_until(Instant::never());
              },
          .abandon = [this](const std::vector<AddressNote>& left) { abandon(left); },
          .lead = [this](const LeaderNote& leader) { lead(leader); },
          .beat = [this] { manager_.beat(); },
          .main_process = [this](pid_t process) { manager_.give_turn_to(process); },
          .done = [] { StopSignals::request_stop(); }};
}

std::string Upgrading::obstacle() const {
  if (parts_ == nullptr) return "this process does not serve yet";
  if (::getpid() == 1) {
    return "this process is the first of its container, which ends with it: replace the container";
  }
  if (flags_.data_dir.empty()) {
    return "without --data-dir a new process would know nothing of this one: restart the master";
  }
  if (auto why = parts_->control.why_no_restart(); !why.empty()) return why;
  const auto former = former_ ? former_->standing() : std::nullopt;
  if (!former) return {};
  return fmt::format("the process before, {}, has not ended yet: clients connected to it: {}",
                     former->pid, former->connections);
}

Result<std::vector<InheritedSockets>> Upgrading::sockets() {
  if (control_socket_.sockets.empty()) {
    auto control = parts_->control.listening_socket();
    if (!control) return control.error();
    control_socket_ = std::move(*control);
  }
  auto clients = parts_->plane.listening_sockets();
  if (!clients) return clients.error();
  std::vector<InheritedSockets> all{control_socket_};
  all.front().sockets = {::fcntl(control_socket_.sockets.front(), F_DUPFD_CLOEXEC, 0)};
  for (auto& each : *clients) all.push_back(std::move(each.sockets));
  return all;
}

// Until it is known who leads instead, for requests go there next.
void Upgrading::hand_over() {
  parts_->control.hand_over();
  Lock lock(mutex_);
  const auto is_known = [this]() TANDEM_REQUIRES(mutex_) {
    return leadership_ != nullptr && (leadership_->is_primary || !leadership_->primary.empty());
  };
  changed_.wait_for(lock.native(), flags_.timing.election_timeout, is_known);
}

void Upgrading::release() {
  parts_->reloader.stop();
  parts_->control.release();
  if (parts_->vips != nullptr) parts_->vips->end();
}

std::vector<std::string> Upgrading::workers() const {
  const Lock lock(mutex_);
  const auto names = names_of_workers(snapshot_);
  const auto most = std::min(names.size(), limits::upgrade_workers_named_max);
  return {names.begin(), std::next(names.begin(), static_cast<std::ptrdiff_t>(most))};
}

void Upgrading::abandon(const std::vector<AddressNote>& left) {
  for (const int socket : std::exchange(control_socket_.sockets, {})) ::close(socket);
  std::vector<unsigned> numbers;
  for (const auto& each : parts_->plane.addresses()) {
    const bool is_left = std::any_of(left.begin(), left.end(), [&](const AddressNote& note) {
      return note.flag == each.wanted.flag() && note.bound == each.bound.endpoint;
    });
    if (!is_left) numbers.push_back(each.number);
  }
  parts_->plane.abandon(numbers);
  parts_->plane.forward_to_primary();
}

void Upgrading::lead(const LeaderNote& leader) {
  auto known = std::make_shared<Leadership>();
  known->term = Term(leader.term);
  known->primary = leader.primary;
  known->primary_pass = leader.pass;
  const auto listen = parse_endpoint(leader.listen, "listen");
  const auto plain = parts_->plane.address(false);
  if (listen) {
    known->primary_listen = *listen;
  } else if (leader.is_self) {
    if (plain) known->primary_listen = reachable(*plain);
  } else {
    const Lock lock(mutex_);
    const bool is_same = leadership_ != nullptr && leadership_->primary == leader.primary;
    if (is_same) *known = *leadership_;
  }
  parts_->plane.publish(std::move(known));
}

}  // namespace tandem::master
