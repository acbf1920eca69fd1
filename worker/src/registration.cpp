// Checks the options, and keeps one HeartbeatLoop for each master.
#include <algorithm>
#include <atomic>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/locked_directory.hpp"
#include "common/base/mutex.hpp"
#include "common/base/name.hpp"
#include "common/base/secret.hpp"
#include "common/storage/kept_file.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/limits.hpp"
#include "tandem/worker.hpp"
#include "worker/src/certificate.hpp"
#include "worker/src/certificate_watch.hpp"
#include "worker/src/heartbeat_loop.hpp"
#include "worker/src/known_masters.hpp"
#include "worker/src/on_the_wire.hpp"
#include "worker/src/registration_checks.hpp"
#include "worker/src/witness.hpp"
#include "worker/src/witness_port.hpp"

namespace tandem {

class Registration::Body {
 public:
  explicit Body(RegistrationOptions options) : options_(std::move(options)) {}

  Result<> start() {
    const Lock lock(mutex_);
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
    const Lock lock(mutex_);
    if (stopped_ || condition_.exchange(on_the_wire(condition)) == on_the_wire(condition)) return;
    for (const auto& master : loops_) master.loop->changed();
  }

  Result<> set_address(const std::string& text) {
    auto address = parse_address(text, "address");
    if (!address.ok()) return address.error();
    if (!address->is_numeric()) return invalid("address must be numeric", "address");
    const Lock lock(mutex_);
    {
      const Lock address_lock(address_mutex_);
      if (content_.address == *address) return {};
      content_.address = std::move(*address);
    }
    if (stopped_) return {};
    for (const auto& master : loops_) master.loop->changed();
    return {};
  }

  void send_now() {
    const Lock lock(mutex_);
    if (stopped_) return;
    for (const auto& master : loops_) master.loop->changed();
  }

  void stop() {
    std::vector<HeartbeatLoop*> loops;
    {
      const Lock lock(mutex_);
      stopped_ = true;  // from here on loops_ does not change
      for (const auto& master : loops_) loops.push_back(master.loop.get());
    }
    // A caller that comes while another one stops waits for the same end.
    const Lock lock(stop_mutex_);
    if (condition_.exchange(wire::WorkerCondition::bye) == wire::WorkerCondition::bye) return;
    for (auto* loop : loops) loop->finish();
    for (auto* loop : loops) loop->join();
    witness_.reset();
    masters_file_.reset();
    directory_.reset();
  }

  Result<> reload_secrets() {
    const Lock lock(mutex_);
    auto credentials = load_credentials_again(options_.cluster, options_.name, credentials_);
    if (!credentials) return credentials.error();
    auto token = token_of(options_);
    if (!token) return token.error();
    if (credentials_ != nullptr) credentials_->set(std::move(*credentials));
    if (*token == token_) return {};
    token_ = std::move(*token);
    if (witness_) witness_->take_token(token_);
    for (const auto& master : loops_) master.loop->set_token(token_);
    return {};
  }

  std::vector<MasterState> masters() const {
    const Lock lock(mutex_);
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
    bool has_gone = false;  // it has left the cluster, and its loop ends
  };
  // Each loop has a thread. One that has ended makes room for the next; one whose master does not
  // answer takes a while to end.
  static constexpr std::size_t loops_max = 16;

  Result<> prepare() TANDEM_REQUIRES(mutex_) {
    auto credentials = load_credentials(options_.cluster, options_.name, tls::OutOfTime::accepted);
    if (!credentials) return credentials.error();
    if (*credentials) credentials_ = std::make_shared<tls::CurrentCredentials>(*credentials);
    certificate_watch_.begin(credentials_);
    for (const auto& [field, value] :
         {std::pair("name", &options_.name), {"service", &options_.service}}) {
      if (const auto name = parse_name(*value, field); !name.ok()) return name.error();
    }
    if (const auto numbers = check_numbers(options_); !numbers.ok()) return numbers.error();
    auto address = parse_address(options_.address, "address");
    if (!address.ok()) return address.error();
    auto numeric = resolve(*address, "address");
    if (!numeric.ok()) return numeric.error();
    auto masters = parse_masters(options_);
    if (!masters.ok()) return masters.error();
    masters_ = std::move(*masters);
    auto token = token_of(options_);
    if (!token.ok()) return token.error();
    token_ = std::move(*token);
    const Lock address_lock(address_mutex_);
    content_.address = std::move(*numeric);
    content_.name = options_.name;
    // New at each start, so that a master can tell a restart from a late heartbeat.
    content_.incarnation = random_hex(16);
    content_.service = options_.service;
    content_.weight = options_.weight;
    content_.connections = options_.connections;
    content_.protocol = on_the_wire(options_.protocol);
    content_.tls = options_.serves_tls && credentials_ != nullptr;
    return {};
  }

  Result<> open_witness() TANDEM_REQUIRES(mutex_) {
    const auto stated = witness_address(options_);
    if (!stated.ok()) return stated.error();
    auto directory = LockedDirectory::open(options_.state_dir, "state_dir", "worker");
    if (!directory.ok()) return directory.error();
    const auto open_at = [&](const std::optional<Endpoint>& listen) TANDEM_REQUIRES(mutex_) {
      return Witness::open({.name = options_.name,
                            .directory = options_.state_dir,
                            .listen = listen,
                            .token = token_,
                            .credentials = credentials_,
                            .clear_text = clear_text_of(options_),
                            .log = options_.log});
    };
    // The port is kept, so that masters find it again even after all of them were restarted.
    auto listen = *stated;
    const bool may_be_another = listen && listen->port == 0;
    if (may_be_another) listen->port = load(load_witness_port(options_.state_dir));
    auto witness = open_at(listen);
    if (!witness.ok() && may_be_another && listen->port != 0) witness = open_at(*stated);
    if (!witness.ok()) {
      return fail(witness.error().code, fmt::format("state_dir: {}", witness.error().message),
                  "state_dir");
    }
    directory_.emplace(std::move(*directory));
    for (const auto& kept : load(load_known_masters(options_.state_dir))) {
      const bool is_told =
          std::find(masters_.begin(), masters_.end(), kept.control) != masters_.end();
      const bool is_open = tls::may_be_clear(clear_text_of(options_), kept.control);
      if (!is_told && is_open && !kept.control.is_unspecified()) masters_.push_back(kept.control);
    }
    masters_file_.emplace(
        known_masters_file(options_.state_dir), [this](const std::string& failure) {
          if (failure.empty()) return say("the learned masters can be stored again");
          warn("the learned masters cannot be stored, tried again every second: " + failure);
        });
    witness_ = std::move(*witness);
    const auto port = witness_->offer().control.port;
    if (port == 0) return {};
    if (const auto saved = save_witness_port(options_.state_dir, port); !saved) {
      warn("the witness's port cannot be stored: " + saved.error().message);
    }
    return {};
  }

  // Stored values, as far as they can be used; others are learned again.
  template <class Kept>
  Kept load(Result<Kept> kept) const {
    if (kept) return std::move(*kept);
    warn(kept.error().message);
    return {};
  }

  // The place of a loop that has ended, or a new place; nothing: too many loops are still ending.
  std::optional<std::size_t> free_place() const TANDEM_REQUIRES(mutex_) {
    for (std::size_t place = 0; place < loops_.size(); ++place) {
      if (loops_[place].has_gone && loops_[place].loop->has_ended()) return place;
    }
    if (loops_.size() >= loops_max) return std::nullopt;
    return loops_.size();
  }

  // Begins heartbeats to another master.
  Result<> begin(const Endpoint& control) TANDEM_REQUIRES(mutex_) {
    const auto free = free_place();
    if (!free)
      return fail(ErrorCode::unavailable, "too many masters have joined and left just now");
    const auto place = *free;
    {
      const Lock lock(keys_mutex_);
      keys_.resize(std::max(keys_.size(), place + 1));
      keys_[place].clear();
    }
    auto loop = std::make_unique<HeartbeatLoop>(
        control, Proof{token_, credentials_}, options_.heartbeat_interval,
        [this, place] { return describe(place); },
        [this, place](const wire::HeartbeatReply& reply) { take(reply, place); }, options_.log);
    if (place == loops_.size()) {
      loops_.push_back({control, std::move(loop)});
    } else {
      loops_[place].loop->join();
      loops_[place] = {control, std::move(loop)};
    }
    try {
      loops_[place].loop->start();
    } catch (const std::system_error& error) {
      loops_[place].has_gone = true;
      return fail(ErrorCode::io, fmt::format("no thread for heartbeats: {}", error.what()));
    }
    return {};
  }

  // On the loops' threads. A master that has stated its name and is not in the list that counts has
  // left; one that has never answered may still join.
  void learn(const wire::HeartbeatReply& reply, std::size_t place) {
    if (reply.masters_as_of == 0 && reply.role != "primary") return;
    auto masters = parse_known_masters(reply.masters);
    const Lock lock(mutex_);
    if (!masters) {
      if (!std::exchange(refused_list_, true)) {
        warn(fmt::format("the masters that {} names are not learned: {}", reply.node,
                         masters.error().message));
      }
      return;
    }
    refused_list_ = false;
    if (stopped_ || removed_) return;
    end_moved();
    if (!newest_.take(reply, *masters)) return;
    if (options_.on_masters && newest_.names() != told_masters_) {
      told_masters_ = newest_.names();
      options_.on_masters(told_masters_);  // under the lock, so that the last call has the newest
    }
    // Each master knows best where it is itself, and the primary where the others are. Others are
    // believed as long as that is not heard, or it would never be found.
    if (reply.role != "primary") {
      if (!hears_primary()) begin_missing(*masters, learned_);
      return;
    }
    for (auto& each : *masters) {
      const bool answers_here = each.name == reply.node && each.control.is_unspecified();
      if (answers_here) each.control.host = loops_[place].control.host;
    }
    if (*masters == learned_) return;
    const auto before = std::exchange(learned_, std::move(*masters));
    end_absent();
    if (masters_file_) masters_file_->keep(to_string(learned_) + '\n');
    if (!begin_missing(learned_, before)) learned_ = before;  // the next answer is processed again
  }

  bool hears_primary() const TANDEM_REQUIRES(mutex_) {
    return std::any_of(loops_.begin(), loops_.end(), [](const Master& master) {
      const auto state = master.loop->state();
      return !master.has_gone && state.answers && state.role == "primary";
    });
  }

  // A master that answers where the list has it is not asked where it was before.
  void end_moved() TANDEM_REQUIRES(mutex_) {
    for (const auto& known : learned_) {
      const bool has_arrived = std::any_of(loops_.begin(), loops_.end(), [&](const Master& master) {
        return !master.has_gone && master.control == known.control &&
               master.loop->state().node == known.name;
      });
      if (!has_arrived) continue;
      for (auto& old : loops_) {
        const bool is_it = !old.has_gone && old.loop->state().node == known.name;
        if (!is_it || is_listed(old.control)) continue;
        say(fmt::format("master has moved from={} node={}", old.control.to_string(), known.name));
        old.has_gone = true;
        old.loop->finish();
      }
    }
  }

  bool is_listed(const Endpoint& control) const TANDEM_REQUIRES(mutex_) {
    return std::any_of(learned_.begin(), learned_.end(),
                       [&](const KnownMaster& known) { return known.control == control; });
  }

  void end_absent() TANDEM_REQUIRES(mutex_) {
    for (auto& master : loops_) {
      const auto node = master.loop->state().node;
      const bool belongs =
          std::any_of(learned_.begin(), learned_.end(), [&](const KnownMaster& each) {
            return each.control == master.control || each.name == node;
          });
      if (belongs || node.empty() || master.has_gone) continue;
      say(fmt::format("master has left master={} node={}", master.control.to_string(), node));
      master.has_gone = true;
      master.loop->finish();
      if (witness_) witness_->remove_master(node);
    }
  }

  // Begins heartbeats to those of `masters` that get none. Of one that has moved since `before`
  // there is one already, to where it was. False: not all have been begun.
  bool begin_missing(const std::vector<KnownMaster>& masters,
                     const std::vector<KnownMaster>& before) TANDEM_REQUIRES(mutex_) {
    for (const auto& each : masters) {
      const bool has_moved =
          std::any_of(before.begin(), before.end(), [&](const KnownMaster& known) {
            return known.name == each.name && known.control != each.control;
          });
      const bool is_known = std::any_of(loops_.begin(), loops_.end(), [&](const Master& master) {
        return !master.has_gone && (master.control == each.control ||
                                    (master.loop->state().node == each.name && !has_moved));
      });
      if (is_known || each.control.is_unspecified()) continue;
      if (!tls::may_be_clear(clear_text_of(options_), each.control)) {
        warn(fmt::format("no heartbeats in clear text beyond this machine master={} node={}",
                         each.control.to_string(), each.name));
        continue;
      }
      if (const auto begun = begin(each.control); !begun) {
        warn(begun.error().message);
        return false;
      }
      say(fmt::format("master learned master={} node={}", each.control.to_string(), each.name));
    }
    return true;
  }

  void say(const std::string& line) const {
    if (options_.log) options_.log(Severity::info, line);
  }
  void warn(const std::string& line) const {
    if (options_.log) options_.log(Severity::warning, line);
  }

  // On the loops' threads.
  void take(const wire::HeartbeatReply& reply, std::size_t master) {
    if (reply.removed) return removed();
    take_key(reply.key, master);
    learn(reply, master);
    take_checks(reply.checks);
    if (witness_ == nullptr || reply.election_timeout <= Duration::zero()) return;
    core::Timing timing;
    timing.heartbeat = reply.cluster_heartbeat;
    timing.election_timeout = reply.election_timeout;
    witness_->take_timing(timing);
    const Lock lock(mutex_);
    if (!loops_[master].has_gone) witness_->add_master(reply.node, loops_[master].control);
  }

  void take_key(const std::string& key, std::size_t master) {
    const Lock lock(keys_mutex_);
    if (!options_.take_keys || key.empty() || keys_[master] == key) return;
    keys_[master] = key;
    std::vector<std::string> distinct;
    for (const auto& each : keys_) {
      const bool is_there = std::find(distinct.begin(), distinct.end(), each) != distinct.end();
      if (!each.empty() && !is_there) distinct.push_back(each);
    }
    options_.take_keys(distinct);  // under the lock, so that the last call has the newest keys
  }

  // All masters have the same settings, but learn them at slightly different times.
  void take_checks(const std::string& checks) {
    if (!options_.on_checks) return;
    const Lock lock(checks_mutex_);
    if (std::exchange(checks_, checks) != checks) options_.on_checks(checks);
  }

  // On the loops' threads. The first one ends all: the other masters may not answer for long.
  void removed() {
    if (removed_.exchange(true)) return;
    {
      const Lock lock(mutex_);
      for (const auto& master : loops_) master.loop->halt();
    }
    const bool leaves_anyway = condition_ == wire::WorkerCondition::bye;
    if (options_.on_removed && !leaves_anyway) options_.on_removed();
  }

  wire::Heartbeat content() const {
    const Lock lock(address_mutex_);
    return content_;
  }

  // On the loops' threads.
  wire::Heartbeat describe(std::size_t master) {
    certificate_watch_.look(access::wall_time());
    auto heartbeat = content();
    heartbeat.condition = condition_;
    if (options_.in_flight) {
      heartbeat.in_flight = std::min(options_.in_flight(), limits::worker_in_flight_max);
    }
    if (options_.promised_term && options_.take_keys) {
      heartbeat.takes_proof = true;
      const Lock lock(keys_mutex_);
      heartbeat.term = Term(options_.promised_term(keys_[master]));
    }
    if (witness_ != nullptr) heartbeat.witness = witness_->offer();
    return heartbeat;
  }

  const RegistrationOptions options_;
  CertificateWatch certificate_watch_{options_.log};
  std::atomic<bool> removed_ = false;
  std::atomic<wire::WorkerCondition> condition_ = wire::WorkerCondition::up;
  mutable Mutex address_mutex_;
  // Set by start(), except condition and in_flight; later only the address changes.
  wire::Heartbeat content_ TANDEM_GUARDED_BY(address_mutex_);

  mutable Mutex mutex_;
  std::vector<Endpoint> masters_ TANDEM_GUARDED_BY(mutex_);
  std::string token_ TANDEM_GUARDED_BY(mutex_);
  tls::CurrentCredentialsPtr credentials_ TANDEM_GUARDED_BY(mutex_);  // null: there are none
  std::vector<Master> loops_ TANDEM_GUARDED_BY(mutex_);  // its places are those of keys_
  std::vector<KnownMaster> learned_ TANDEM_GUARDED_BY(mutex_);
  NewestMasters newest_ TANDEM_GUARDED_BY(mutex_);
  std::vector<std::string> told_masters_ TANDEM_GUARDED_BY(mutex_);  // as last passed to on_masters
  bool refused_list_ TANDEM_GUARDED_BY(mutex_) = false;  // the list that the primary sent last
  bool started_ TANDEM_GUARDED_BY(mutex_) = false;
  bool stopped_ TANDEM_GUARDED_BY(mutex_) = false;

  // Set by start() before it starts the loops' threads, and reset by stop() after they have ended.
  std::optional<storage::KeptFile> masters_file_;
  std::optional<LockedDirectory> directory_;
  std::unique_ptr<Witness> witness_;  // null: no state directory

  Mutex stop_mutex_;  // held while stopping; never taken with mutex_ held

  mutable Mutex keys_mutex_;  // held while take_keys and promised_term are called
  // The key from each master; empty: none yet.
  std::vector<std::string> keys_ TANDEM_GUARDED_BY(keys_mutex_);
  Mutex checks_mutex_;                                   // held while on_checks is called
  std::string checks_ TANDEM_GUARDED_BY(checks_mutex_);  // as last passed to it
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
std::optional<std::string> Registration::reload_secrets() {
  const auto read = body_->reload_secrets();
  if (!read.ok()) return read.error().message;
  return std::nullopt;
}
void Registration::send_now() { body_->send_now(); }
void Registration::stop() { body_->stop(); }
std::vector<MasterState> Registration::masters() const { return body_->masters(); }

}  // namespace tandem
