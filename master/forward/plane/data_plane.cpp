#include "master/forward/plane/data_plane.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "master/forward/access_log/log.hpp"
#include "master/forward/client/client_counts.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/plane/loop.hpp"
#include "master/forward/tracing/tracer.hpp"

namespace tandem::master {

namespace {

// How long a client that is in use has to send a request, with whose answer it is told that its
// connection ends; then how long answers under way have to arrive, while new connections are
// dropped. No client may be left for as long as a handshake takes that had begun.
constexpr Duration farewell = 100ms;
constexpr Duration last_answers_min = 2ms;
constexpr Duration last_answers_max = 50ms;
// A loop that has not looked at what was posted after so long is stuck, and looks later.
constexpr Duration adoption_max = 1s;

std::shared_ptr<RateLimiter> limiter_for(const RateLimit& limit) {
  if (!limit.is_on()) return nullptr;
  std::random_device random;
  return std::make_shared<RateLimiter>(limit, std::uint64_t{random()} << 32 | random());
}

std::shared_ptr<ChallengeFiles> challenges_of(const std::string& webroot) {
  return webroot.empty() ? nullptr : std::make_shared<ChallengeFiles>(webroot);
}

std::shared_ptr<ClientCounts> counts_for(unsigned per_client) {
  if (per_client == 0) return nullptr;
  std::random_device random;
  return std::make_shared<ClientCounts>(per_client, std::uint64_t{random()} << 32 | random());
}

// Half of the memory is kept for buffers, however many clients connect.
std::size_t clients_per_loop(std::size_t most, const ForwardOptions& options) {
  if (options.memory > 0) {
    most = std::min(most, options.memory / 2 / limits::client_connection_bytes);
  }
  return std::max<std::size_t>(most / options.threads, 1);
}

}  // namespace

DataPlane::DataPlane(DataPlaneOptions options)
    : options_(std::move(options)),
      clients_max_(clients_per_loop(options_.client_connections_max, options_)),
      links_(make_links()),
      certificates_(options_.certificates),
      current_(options_),
      renewed_(std::make_shared<const RenewedOptions>(
          RenewedOptions{options_, links_->rate_limiter, links_->challenges})),
      client_counts_(links_->client_counts),
      farewell_step_(Farewell::none) {
  TANDEM_ASSERT(options_.threads >= 1);
  TANDEM_ASSERT(options_.report_failure != nullptr);
  TANDEM_ASSERT(options_.report_term != nullptr);
  TANDEM_ASSERT(options_.gate != nullptr);
}

DataPlane::~DataPlane() { stop(); }

std::unique_ptr<const LoopLinks> DataPlane::make_links() {
  auto links = std::make_unique<LoopLinks>();
  links->rate_limiter = limiter_for(options_.rate_limit);
  links->memory_in_use = [this] { return memory_in_use(); };
  links->ask_for_room = [this](unsigned from_loop, const std::string& service) {
    ask_for_room(from_loop, service);
  };
  links->offer_room = [this](unsigned from_loop, RoomOffer offer) {
    offer_room(from_loop, std::move(offer));
  };
  links->challenges = challenges_of(options_.acme_webroot);
  links->client_counts = counts_for(options_.connections_per_client);
  links->clients_max = &clients_max_;
  links->has_former = &has_former_;
  links->handshakes.most = std::max<std::size_t>(options_.handshakes_max / options_.threads, 1);
  links->handshakes.of_one_address =
      std::max<std::size_t>(options_.handshakes_per_client / options_.threads, 1);
  links->shed_elsewhere = [this](unsigned from_loop, Shed what) { shed(from_loop, what); };
  if (options_.threads > 1) {
    links->home = [this](Loop& from) -> Loop& { return home_of_next(from); };
  }
  return links;
}

Result<> DataPlane::start() {
  auto opened = open();
  if (opened) accept();
  return opened;
}

Result<> DataPlane::open() {
  auto planned = plan_addresses(options_.addresses());
  if (!planned) return planned.error();
  for (unsigned index = 0; index < options_.threads; ++index) {
    loops_.push_back(std::make_unique<Loop>(index, options_, *links_));
  }
  first_plan_ = std::make_shared<ListenPlan>(std::move(*planned));
  const Lock lock(publishing_);
  listeners_.take(*first_plan_);
  if (certificates_ != nullptr) {
    if (const auto usable = hand_out(certificates_); !usable) {
      loops_.clear();
      return usable.error();
    }
  }
  for (auto& loop : loops_) {
    if (latest_) loop->publish(latest_);
    if (leadership_) loop->publish(leadership_);
    if (inner_access_) loop->publish(inner_access_);
    loop->start();
  }
  started_ = true;
  return {};
}

void DataPlane::accept() {
  TANDEM_ASSERT(first_plan_ != nullptr);
  listen(std::exchange(first_plan_, nullptr));
}

// Returns their version, which the loops adopt soon.
Result<std::uint64_t> DataPlane::hand_out(const tls::CertificateSetPtr& certificates) {
  TANDEM_ASSERT(certificates != nullptr);
  std::vector<tls::ServerContextsPtr> contexts;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    auto made = tls::ServerContexts::make(certificates, current_.http2);
    if (!made) return made.error();
    contexts.push_back(std::move(*made));
  }
  ++tls_version_;
  for (std::size_t i = 0; i < loops_.size(); ++i) loops_[i]->publish(contexts[i], tls_version_);
  return tls_version_;
}

Result<> DataPlane::publish(tls::CertificateSetPtr certificates) {
  std::uint64_t version = 0;
  {
    const Lock lock(publishing_);
    certificates_ = std::move(certificates);
    if (!started_) return {};
    const auto handed_out = hand_out(certificates_);
    if (!handed_out) return handed_out.error();
    version = *handed_out;
  }
  await_all(adoption_max, [version](const Loop& loop) { return loop.tls_adopted() >= version; });
  return {};
}

// False: some loop has not after that time.
bool DataPlane::await_all(Duration timeout, const std::function<bool(const Loop&)>& holds) const {
  const auto deadline = now() + timeout;
  const auto of_loop = [&](const auto& loop) { return holds(*loop); };
  while (!std::all_of(loops_.begin(), loops_.end(), of_loop)) {
    if (now() >= deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

ForwardOptions DataPlane::with_own_parts(ForwardOptions options) const {
  options.via = options_.via;
  options.default_service = options_.default_service;
  options.policies = options_.policies;
  options.threads = options_.threads;
  options.gate = options_.gate;
  options.pass = options_.pass;
  options.uncounted_clients = options_.uncounted_clients;
  options.report_failure = options_.report_failure;
  options.report_term = options_.report_term;
  return options;
}

Result<bool> DataPlane::adopt(const ForwardOptions& given) {
  std::shared_ptr<const RenewedOptions> before;  // ends here, not on a loop
  std::uint64_t version = 0;
  {
    const Lock lock(publishing_);
    TANDEM_ASSERT(started_);
    auto options = with_own_parts(given);
    const bool spoke_http2 = std::exchange(current_.http2, options.http2);
    if (certificates_ != nullptr && spoke_http2 != options.http2) {
      if (const auto handed_out = hand_out(certificates_); !handed_out) {
        current_.http2 = spoke_http2;
        return handed_out.error();
      }
    }
    RenewedOptions next{options, renewed_->rate_limiter, renewed_->challenges};
    // Buckets are kept as long as the limit is the same.
    if (options.rate_limit != current_.rate_limit) {
      next.rate_limiter = limiter_for(options.rate_limit);
    }
    if (options.acme_webroot != current_.acme_webroot) {
      next.challenges = challenges_of(options.acme_webroot);
    }
    if (client_counts_ == nullptr) {
      client_counts_ = counts_for(options.connections_per_client);
    } else {
      client_counts_->set_most(options.connections_per_client);
    }
    if (current_.access_log != nullptr && current_.access_log != options.access_log) {
      lines_lost_ += current_.access_log->lost();
    }
    if (current_.tracer != nullptr && current_.tracer != options.tracer) {
      spans_before_.exported += current_.tracer->exported();
      spans_before_.dropped += current_.tracer->dropped();
      spans_before_.refused += current_.tracer->refused();
    }
    clients_max_ = clients_per_loop(options_.client_connections_max, options);
    current_ = std::move(options);
    before = std::exchange(renewed_, std::make_shared<const RenewedOptions>(std::move(next)));
    version = ++options_version_;
    for (auto& loop : loops_) loop->adopt(renewed_, client_counts_, version);
  }
  return await_all(adoption_max,
                   [version](const Loop& loop) { return loop.options_adopted() >= version; });
}

// The loop that serves the connection that `from` has accepted: the one with the fewest, unless the
// difference is not worth the hand-over.
Loop& DataPlane::home_of_next(Loop& from) {
  const auto open = [](const Loop& loop) {
    return loop.counters().client_connections.load(std::memory_order_relaxed);
  };
  auto* least = loops_.front().get();
  for (const auto& loop : loops_) {
    if (open(*loop) < open(*least)) least = loop.get();
  }
  const auto tolerated = open(*least) + 1 + open(*least) / 16;
  return open(from) > tolerated ? *least : from;
}

void DataPlane::shed(unsigned from_loop, Shed what) {
  for (auto& loop : loops_) {
    if (loop->index() == from_loop) continue;
    loop->post([loop = loop.get(), what] { loop->shed_here(what); });
  }
}

void DataPlane::ask_for_room(unsigned from_loop, const std::string& service) {
  for (auto& loop : loops_) {
    if (loop->index() == from_loop) continue;
    loop->post([loop = loop.get(), service] { loop->context().services().give_room(service); });
  }
}

void DataPlane::offer_room(unsigned from_loop, RoomOffer offer) {
  auto& next = *loops_[(from_loop + 1) % loops_.size()];
  next.post([&next, offer = std::move(offer)] { next.context().services().take_room(offer); });
}

void DataPlane::publish(SnapshotPtr snapshot) {
  const Lock lock(publishing_);
  latest_ = std::move(snapshot);
  if (!started_) return;
  for (auto& loop : loops_) loop->publish(latest_);
}

bool DataPlane::on_each_loop(const std::function<void()>& task) {
  const Lock lock(publishing_);
  if (!started_) return false;
  for (auto& loop : loops_) loop->post(task);
  return true;
}

bool DataPlane::has_adopted(std::uint64_t version) {
  const Lock lock(publishing_);
  if (!started_) return true;  // there are no loops yet
  return std::all_of(loops_.begin(), loops_.end(),
                     [version](const auto& loop) { return loop->adopted() >= version; });
}

void DataPlane::publish(LeadershipPtr leadership) {
  const Lock lock(publishing_);
  leadership_ = std::move(leadership);
  if (!started_) return;
  for (auto& loop : loops_) loop->publish(leadership_);
}

void DataPlane::publish(InnerAccessPtr access) {
  const Lock lock(publishing_);
  inner_access_ = std::move(access);
  if (!started_) return;
  for (auto& loop : loops_) loop->publish(inner_access_);
}

bool DataPlane::let_clients_go(Instant now) {
  const Lock lock(leaving_);
  if (farewell_step_ == Farewell::none) {
    farewell_step_ = Farewell::answers;
  } else if (farewell_step_ == Farewell::answers && now >= last_step_ + farewell) {
    farewell_step_ = Farewell::all;
  } else if (farewell_step_ == Farewell::all) {
    if (now >= last_step_ + last_answers_max) return true;
    const bool all_said = std::all_of(loops_.begin(), loops_.end(), [](const auto& loop) {
      return loop->farewell_said() == Farewell::all;
    });
    if (!all_said || client_connections() > 0) empty_since_ = now;
    return now >= empty_since_ + last_answers_min;
  } else {
    return false;
  }
  last_step_ = empty_since_ = now;
  for (auto& loop : loops_) loop->say_farewell(farewell_step_);
  return false;
}

void DataPlane::stop_letting_go() {
  const Lock lock(leaving_);
  if (farewell_step_ == Farewell::none) return;
  farewell_step_ = Farewell::none;
  for (auto& loop : loops_) loop->say_farewell(farewell_step_);
}

bool DataPlane::drain(Duration timeout) {
  for (auto& loop : loops_) loop->drain();
  const auto deadline = now() + timeout;
  const auto accepts = [](const auto& loop) { return loop->accepts(); };
  while (std::any_of(loops_.begin(), loops_.end(), accepts) || client_connections() > 0) {
    if (now() >= deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

void DataPlane::stop() {
  for (auto& loop : loops_) loop->stop();
}

std::uint64_t DataPlane::requests() const {
  std::uint64_t sum = 0;
  for (const auto& loop : loops_) sum += loop->counters().requests.load(std::memory_order_relaxed);
  return sum;
}

metrics::Traffic DataPlane::traffic() {
  metrics::Traffic sums;
  const Lock lock(publishing_);
  sums.spans_exported = spans_before_.exported;
  sums.spans_dropped = spans_before_.dropped;
  sums.spans_refused = spans_before_.refused;
  if (const auto* tracer = current_.tracer) {
    sums.spans_exported += tracer->exported();
    sums.spans_dropped += tracer->dropped();
    sums.spans_refused += tracer->refused();
  }
  sums.access_log_lost = lines_lost_;
  if (current_.access_log != nullptr) sums.access_log_lost += current_.access_log->lost();
  if (!started_) return sums;  // there are no loops yet
  for (const auto& loop : loops_) loop->add_to(sums);
  return sums;
}

std::map<std::string, decltype(HistogramSums::buckets)> DataPlane::latencies() {
  LatencyByWorker sums;
  const Lock lock(publishing_);
  if (!started_) return sums;  // there are no loops yet
  for (const auto& loop : loops_) loop->add_to(sums);
  return sums;
}

std::size_t DataPlane::memory_in_use() const {
  std::size_t sum = 0;
  for (const auto& loop : loops_) sum += loop->memory_in_use();
  return sum;
}

std::uint64_t DataPlane::client_connections() const {
  const auto each = client_connections_by_loop();
  return std::accumulate(each.begin(), each.end(), std::uint64_t{0});
}

std::vector<std::uint64_t> DataPlane::client_connections_by_loop() const {
  std::vector<std::uint64_t> each;
  for (const auto& loop : loops_) {
    each.push_back(loop->counters().client_connections.load(std::memory_order_relaxed));
  }
  return each;
}

}  // namespace tandem::master
