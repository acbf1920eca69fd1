// Checks the options, and keeps one HeartbeatLoop for each master.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/name.hpp"
#include "common/base/secret.hpp"
#include "common/base/token_file.hpp"
#include "common/core/limits.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/limits.hpp"
#include "tandem/worker.hpp"
#include "worker/src/heartbeat_loop.hpp"
#include "worker/src/known_masters.hpp"
#include "worker/src/state_directory.hpp"
#include "worker/src/witness.hpp"

namespace tandem {

namespace {

wire::WorkerCondition on_the_wire(Condition condition) {
  switch (condition) {
    case Condition::up: return wire::WorkerCondition::up;
    case Condition::failing: return wire::WorkerCondition::failing;
    case Condition::draining: return wire::WorkerCondition::draining;
  }
  assertion_failed("a known condition", __FILE__, __LINE__);
}

Result<Endpoint> parse_address(const std::string& text, const char* field) {
  auto endpoint = parse_endpoint(text, field);
  if (!endpoint.ok()) return endpoint.error();
  if (endpoint->port == 0) return invalid(fmt::format("{} must have a port above 0", field), field);
  return endpoint;
}

// The witness's port, kept in its state directory; 0: none yet.
std::uint16_t load_port(const std::string& directory) {
  std::ifstream file(directory + "/witness_port");
  unsigned port = 0;
  file >> port;
  return port <= 65'535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
}

// Only a convenience: without it the next start has another port.
void save_port(const std::string& directory, std::uint16_t port) {
  std::ofstream(directory + "/witness_port", std::ios::trunc) << port << '\n';
}

Result<> check_numbers(const RegistrationOptions& options) {
  if (options.weight > limits::weight_max) {
    return invalid(fmt::format("weight must be 0 to {}", limits::weight_max), "weight");
  }
  if (options.connections < 1 || options.connections > limits::worker_connections_max) {
    return invalid(fmt::format("connections must be 1 to {}", limits::worker_connections_max),
                   "connections");
  }
  if (options.heartbeat_interval < limits::heartbeat_interval_min ||
      options.heartbeat_interval > limits::heartbeat_interval_max) {
    return invalid(fmt::format("heartbeat_interval must be {} to {}",
                               to_string(limits::heartbeat_interval_min),
                               to_string(limits::heartbeat_interval_max)),
                   "heartbeat_interval");
  }
  if (options.masters.size() > limits::masters_max) {
    return invalid(fmt::format("masters must be at most {}", limits::masters_max), "masters");
  }
  return {};
}

}  // namespace

class Registration::Body {
 public:
  explicit Body(RegistrationOptions options) : options_(std::move(options)) {}

  Result<> start() {
    const std::lock_guard lock(mutex_);
    if (started_ || stopped_) return fail(ErrorCode::conflict, "a registration is started once");
    const auto prepared = prepare();
    if (!prepared.ok()) return prepared.error();
    if (!options_.state_dir.empty()) {
      const auto opened = open_witness();
      if (!opened.ok()) return opened.error();
    }
    started_ = true;
    for (const auto& master : masters_) {
      if (auto begun = begin(master); !begun) return begun;
    }
    return {};
  }

  void set_condition(Condition condition) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || condition_.exchange(on_the_wire(condition)) == on_the_wire(condition)) return;
    for (const auto& master : loops_) master.loop->changed();
  }

  Result<> set_address(const std::string& text) {
    auto address = parse_address(text, "address");
    if (!address.ok()) return address.error();
    if (!address->is_numeric()) return invalid("address must be numeric", "address");
    const std::lock_guard lock(mutex_);
    {
      const std::lock_guard address_lock(address_mutex_);
      if (content_.address == *address) return {};
      content_.address = std::move(*address);
    }
    if (stopped_) return {};
    for (const auto& master : loops_) master.loop->changed();
    return {};
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    // From here on loops_ stays as it is. Whoever calls while another stops waits for the same end.
    const std::lock_guard lock(stop_mutex_);
    if (condition_.exchange(wire::WorkerCondition::bye) == wire::WorkerCondition::bye) return;
    for (const auto& master : loops_) master.loop->finish();
    for (const auto& master : loops_) master.loop->join();
    witness_.reset();
    directory_.reset();
  }

  std::vector<MasterState> masters() const {
    const std::lock_guard lock(mutex_);
    std::vector<MasterState> states;
    for (const auto& master : loops_) {
      if (!master.has_gone) states.push_back(master.loop->state());
    }
    return states;
  }

 private:
  struct Master {
    Endpoint control;
    std::unique_ptr<HeartbeatLoop> loop;
    bool has_gone = false;  // it belongs no more, and its loop ends
  };
  // Each has a thread, and is kept until the end: so many masters may come and go.
  static constexpr std::size_t loops_max = 64;

  Result<> prepare() {
    for (const auto& [field, value] :
         {std::pair("name", &options_.name), {"service", &options_.service}}) {
      const auto name = parse_name(*value, field);
      if (!name.ok()) return name.error();
    }
    const auto numbers = check_numbers(options_);
    if (!numbers.ok()) return numbers.error();
    auto address = parse_address(options_.address, "address");
    if (!address.ok()) return address.error();
    auto numeric = resolve(*address, "address");
    if (!numeric.ok()) return numeric.error();
    content_.address = std::move(*numeric);
    for (const auto& text : options_.masters) {
      auto master = parse_address(text, "masters");
      if (!master.ok()) return master.error();
      masters_.push_back(std::move(*master));
    }
    if (!options_.token_file.empty()) {
      auto token = read_token_file(options_.token_file, "token_file");
      if (!token.ok()) return token.error();
      token_ = std::move(*token);
    }
    content_.name = options_.name;
    // New at each start, so that a master can tell a restart from a late heartbeat.
    content_.incarnation = random_hex(16);
    content_.service = options_.service;
    content_.weight = options_.weight;
    content_.connections = options_.connections;
    return {};
  }

  Result<> open_witness() {
    auto listen = parse_endpoint(options_.witness_listen, "witness_listen");
    if (!listen.ok()) return listen.error();
    auto numeric = resolve(*listen, "witness_listen");
    if (!numeric.ok()) return numeric.error();
    auto directory = StateDirectory::open(options_.state_dir);
    if (!directory.ok()) return directory.error();
    const auto open_at = [&](std::uint16_t port) {
      return Witness::open({.name = options_.name,
                            .directory = options_.state_dir,
                            .listen = {numeric->host, port},
                            .token = token_,
                            .log = options_.log});
    };
    // The masters find a witness again where it was, also when all of them have been restarted.
    const auto remembered = numeric->port == 0 ? load_port(options_.state_dir) : numeric->port;
    auto witness = open_at(remembered);
    const bool is_taken = !witness.ok() && numeric->port == 0 && remembered != 0;
    if (is_taken) witness = open_at(0);
    if (!witness.ok()) {
      return fail(witness.error().code, fmt::format("state_dir: {}", witness.error().message),
                  "state_dir");
    }
    directory_.emplace(std::move(*directory));
    for (const auto& kept : load_known_masters(options_.state_dir)) {
      const bool is_told =
          std::find(masters_.begin(), masters_.end(), kept.control) != masters_.end();
      if (!is_told) masters_.push_back(kept.control);
    }
    witness_ = std::move(*witness);
    save_port(options_.state_dir, witness_->offer().control.port);
    return {};
  }

  // Heartbeats to another master. REQUIRES: mutex_ is held.
  Result<> begin(const Endpoint& control) {
    const auto place = loops_.size();
    {
      const std::lock_guard lock(keys_mutex_);
      keys_.emplace_back();
    }
    auto loop = std::make_unique<HeartbeatLoop>(
        control, token_, options_.heartbeat_interval, [this, place] { return describe(place); },
        [this, place](const wire::HeartbeatReply& reply) { take(reply, place); }, options_.log);
    loops_.push_back({control, std::move(loop)});
    try {
      loops_.back().loop->start();
    } catch (const std::system_error& error) {
      loops_.back().has_gone = true;
      return fail(ErrorCode::io, fmt::format("no thread for heartbeats: {}", error.what()));
    }
    return {};
  }

  // From the loops' threads. What the primary says goes: a master that it does not name belongs no
  // more, once it has said who it is; one that has never answered may still come. One that led in
  // an earlier term may not know yet that it does not any more.
  void learn(const std::vector<KnownMaster>& masters, Term term) {
    const std::lock_guard lock(mutex_);
    if (masters.empty() || term < learned_in_ || stopped_ || removed_) return;
    learned_in_ = term;
    if (masters == learned_) return;
    learned_ = masters;
    for (auto& master : loops_) {
      const auto node = master.loop->state().node;
      const bool belongs =
          std::any_of(masters.begin(), masters.end(), [&](const KnownMaster& each) {
            return each.control == master.control || each.name == node;
          });
      if (belongs || node.empty() || master.has_gone) continue;
      say(fmt::format("master belongs no more master={} node={}", master.control.to_string(),
                      node));
      master.has_gone = true;
      master.loop->finish();
    }
    for (const auto& each : masters) {
      const bool is_known = std::any_of(loops_.begin(), loops_.end(), [&](const Master& master) {
        return !master.has_gone &&
               (master.control == each.control || master.loop->state().node == each.name);
      });
      if (is_known || loops_.size() >= loops_max) continue;
      say(fmt::format("master learned master={} node={}", each.control.to_string(), each.name));
      if (const auto begun = begin(each.control); !begun) say(begun.error().message);
    }
    if (directory_) save_known_masters(options_.state_dir, masters);
  }

  void say(const std::string& line) const {
    if (options_.log) options_.log(Severity::info, line);
  }

  // From the loops' threads.
  void take(const wire::HeartbeatReply& reply, std::size_t master) {
    if (reply.removed) return removed();
    take_key(reply.key, master);
    if (reply.role == "primary") learn(parse_known_masters(reply.masters), reply.term);
    take_checks(reply.checks);
    if (witness_ == nullptr || reply.election_timeout <= Duration::zero()) return;
    core::Timing timing;
    timing.heartbeat = reply.cluster_heartbeat;
    timing.election_timeout = reply.election_timeout;
    witness_->take_timing(timing);
  }

  void take_key(const std::string& key, std::size_t master) {
    const std::lock_guard lock(keys_mutex_);
    if (!options_.take_keys || key.empty() || keys_[master] == key) return;
    keys_[master] = key;
    std::vector<std::string> distinct;
    for (const auto& each : keys_) {
      const bool is_there = std::find(distinct.begin(), distinct.end(), each) != distinct.end();
      if (!each.empty() && !is_there) distinct.push_back(each);
    }
    options_.take_keys(distinct);  // locked: the last call brings the last keys
  }

  // The masters agree on the settings, each a moment after the other.
  void take_checks(const std::string& checks) {
    if (!options_.on_checks) return;
    const std::lock_guard lock(checks_mutex_);
    if (std::exchange(checks_, checks) != checks) options_.on_checks(checks);
  }

  // From the loops' threads. The first that is told ends all: others may not answer for long.
  void removed() {
    if (removed_.exchange(true)) return;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& master : loops_) master.loop->halt();
    }
    const bool leaves_anyway = condition_ == wire::WorkerCondition::bye;
    if (options_.on_removed && !leaves_anyway) options_.on_removed();
  }

  wire::Heartbeat content() const {
    const std::lock_guard lock(address_mutex_);
    return content_;
  }

  // From the loops' threads.
  wire::Heartbeat describe(std::size_t master) const {
    auto heartbeat = content();
    heartbeat.condition = condition_;
    if (options_.in_flight) {
      heartbeat.in_flight = std::min(options_.in_flight(), limits::worker_in_flight_max);
    }
    if (options_.promised_term && options_.take_keys) {
      heartbeat.takes_proof = true;
      const std::lock_guard lock(keys_mutex_);
      heartbeat.term = Term(options_.promised_term(keys_[master]));
    }
    if (witness_ != nullptr) heartbeat.witness = witness_->offer();
    return heartbeat;
  }

  const RegistrationOptions options_;
  std::atomic<bool> removed_ = false;
  std::atomic<wire::WorkerCondition> condition_ = wire::WorkerCondition::up;
  mutable std::mutex address_mutex_;
  wire::Heartbeat content_;  // as it is when started, but for condition and in_flight; once started
                             // the address alone changes, under its mutex

  mutable std::mutex mutex_;  // guards what follows, and what is set once by start()
  std::vector<Endpoint> masters_;
  std::string token_;
  std::vector<Master> loops_;  // only grows: its places are those of keys_
  std::vector<KnownMaster> learned_;
  Term learned_in_;
  std::optional<StateDirectory> directory_;
  std::unique_ptr<Witness> witness_;  // null: no state directory
  bool started_ = false;
  bool stopped_ = false;

  std::mutex stop_mutex_;  // held while stopping; never taken with mutex_ held

  mutable std::mutex keys_mutex_;  // guards what follows
  std::vector<std::string> keys_;  // as each master gave it; empty: not yet
  std::mutex checks_mutex_;        // held while on_checks is called
  std::string checks_;             // as they were told last
};

Registration::Registration(RegistrationOptions options)
    : body_(std::make_unique<Body>(std::move(options))) {}
Registration::~Registration() { stop(); }

std::optional<std::string> Registration::start() {
  const auto started = body_->start();
  if (!started.ok()) return started.error().message;
  return std::nullopt;
}
void Registration::set_condition(Condition condition) { body_->set_condition(condition); }
std::optional<std::string> Registration::set_address(const std::string& address) {
  const auto set = body_->set_address(address);
  if (!set.ok()) return set.error().message;
  return std::nullopt;
}
void Registration::stop() { body_->stop(); }
std::vector<MasterState> Registration::masters() const { return body_->masters(); }

}  // namespace tandem
