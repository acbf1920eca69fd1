#include "common/base/name_lookups.hpp"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/mutex.hpp"

namespace tandem {

Result<std::vector<Endpoint>> resolve_all(const Endpoint& endpoint) {
  if (endpoint.is_numeric()) return std::vector{endpoint};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(endpoint.host.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    return invalid(
        fmt::format("the host \"{}\" cannot be resolved: {}", endpoint.host, gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<Endpoint> addresses;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    char numeric[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, numeric, sizeof numeric, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    Endpoint address{numeric, endpoint.port};
    if (!address.is_numeric() || address.is_unspecified()) continue;  // fe80::1%eth0, 0.0.0.0
    const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (!known) addresses.push_back(std::move(address));
    if (addresses.size() == limits::name_addresses_max) break;
  }
  if (!addresses.empty()) return addresses;
  return invalid(fmt::format("the host \"{}\" has no usable address", endpoint.host));
}

struct NameLookups::Shared {
  struct Watched {
    Watch id = 0;
    Endpoint name;
    std::shared_ptr<const Report> report;
    std::optional<std::vector<Endpoint>> found{};  // as reported last
    std::string failure{};                         // likewise
    Instant due{};
  };

  Shared(LookUp how, Intervals when) : look_up(std::move(how)), intervals(when) {}

  const LookUp look_up;
  const Intervals intervals;
  Mutex mutex;
  Mutex reporting;  // held while a report is called; taken before `mutex`
  std::condition_variable changed;
  std::vector<Watched> watched TANDEM_GUARDED_BY(mutex);
  Watch last_id TANDEM_GUARDED_BY(mutex) = 0;
  bool started TANDEM_GUARDED_BY(mutex) = false;
  bool stopped TANDEM_GUARDED_BY(mutex) = false;
};

NameLookups::NameLookups()
    : NameLookups([](const Endpoint& name) { return resolve_all(name); }, Intervals()) {}

NameLookups::NameLookups(LookUp look_up, Intervals intervals)
    : shared_(std::make_shared<Shared>(std::move(look_up), intervals)) {}

NameLookups::~NameLookups() { stop(); }

NameLookups::Watch NameLookups::watch(Endpoint name, Report report) {
  const Lock lock(shared_->mutex);
  const auto id = ++shared_->last_id;
  if (shared_->stopped) return id;
  shared_->watched.push_back({.id = id,
                              .name = std::move(name),
                              .report = std::make_shared<const Report>(std::move(report))});
  shared_->changed.notify_all();
  if (std::exchange(shared_->started, true)) return id;
  std::thread([shared = shared_] { run(shared); }).detach();
  return id;
}

void NameLookups::forget(Watch watch) {
  const Lock lock(shared_->mutex);
  std::erase_if(shared_->watched, [watch](const auto& each) { return each.id == watch; });
}

void NameLookups::stop() {
  const Lock reporting(shared_->reporting);
  const Lock lock(shared_->mutex);
  shared_->stopped = true;
  shared_->changed.notify_all();
}

void NameLookups::run(const std::shared_ptr<Shared>& shared) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "names");
  Lock lock(shared->mutex);
  while (!shared->stopped) {
    auto& watched = shared->watched;
    if (watched.empty()) {
      shared->changed.wait(lock.native());
      continue;
    }
    const auto next = std::min_element(watched.begin(), watched.end(),
                                       [](const auto& a, const auto& b) { return a.due < b.due; });
    const auto at = now();
    if (next->due > at) {
      shared->changed.wait_for(lock.native(), std::chrono::nanoseconds(next->due - at));
      continue;
    }
    const auto id = next->id;
    const auto name = next->name;
    lock.unlock();
    const auto found = shared->look_up(name);
    lock.lock();
    const auto place = std::find_if(watched.begin(), watched.end(),
                                    [id](const auto& each) { return each.id == id; });
    if (place == watched.end()) continue;  // forgotten meanwhile
    auto& looked_up = *place;
    const auto interval = found ? shared->intervals.again : shared->intervals.retry;
    looked_up.due = now() + interval;
    const bool news = found ? looked_up.found != *found || !looked_up.failure.empty()
                            : looked_up.failure != found.error().message;
    if (!news) continue;
    if (found) looked_up.found = *found;
    looked_up.failure = found ? std::string() : found.error().message;
    const auto report = looked_up.report;
    lock.unlock();
    {
      const Lock reporting(shared->reporting);
      lock.lock();
      const bool stopped = shared->stopped;
      lock.unlock();
      if (!stopped) (*report)(found);
    }
    lock.lock();
  }
}

}  // namespace tandem
