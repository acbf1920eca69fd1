// recording_master.hpp: a peer that answers POST /heartbeat over real HTTP and keeps what it heard.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "common/wire/heartbeat.hpp"
#include "common/wire/repeated_heartbeat.hpp"
#include "worker/src/connection_server.hpp"

namespace tandem::test {

// Long enough for the slowest machine; only a failing test waits for so long.
inline constexpr auto deadline = 20s;

class RecordingMaster {
 public:
  explicit RecordingMaster(Duration interval = 10ms, std::uint16_t port = 0) {
    reply_ = {"a", "primary", Term(7), "a", interval, true};
    server_.Post("/heartbeat",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   const std::lock_guard lock(mutex_);
                   const auto repeated = wire::read_repetition(request.body);
                   const auto heartbeat = wire::parse_heartbeat(request.body);
                   if (heartbeat.ok()) heard_.push_back(*heartbeat);
                   if (heartbeat.ok()) kept_ = heartbeat->sequence;
                   if (repeated) repetitions_.push_back(repeated->in_flight);
                   connections_.insert(request.remote_port);
                   authorization_ = request.get_header_value("Authorization");
                   response.status = status_;
                   if (repeated && repeated->sequence != kept_) {
                     response.status = 412;
                   } else if (repeated && !std::exchange(has_news_, false)) {
                     response.status = 204;
                   } else {
                     response.set_content(wire::to_json(reply_), "application/json");
                   }
                   heard_more_.notify_all();
                 });
    const auto opened = server_.open({"127.0.0.1", port}, 64);
    TANDEM_ASSERT(opened.ok());
    address_ = *opened;
  }
  ~RecordingMaster() { server_.stop(0s); }

  std::string address() const { return address_.to_string(); }
  std::uint16_t port() const { return address_.port; }

  using Heard = std::vector<wire::Heartbeat>;
  // Waits until what was heard fulfils the condition; false when it does not come to that.
  bool wait_until(const std::function<bool(const Heard&)>& condition) {
    std::unique_lock lock(mutex_);
    return heard_more_.wait_for(lock, deadline, [&] { return condition(heard_); });
  }
  bool hears(std::size_t count) {
    return wait_until([count](const Heard& heard) { return heard.size() >= count; });
  }
  bool hears(wire::WorkerCondition condition) {
    return wait_until([condition](const Heard& heard) {
      return !heard.empty() && heard.back().condition == condition;
    });
  }
  Heard heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }
  std::string authorization() const {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }
  // From now on it takes heartbeats in the short form, too.
  void take_repeats() {
    const std::lock_guard lock(mutex_);
    reply_.takes_repeats = true;
  }
  // As one that has just started.
  void forget() {
    const std::lock_guard lock(mutex_);
    kept_ = 0;
  }
  // The next short one is answered in full.
  void tell_news() {
    const std::lock_guard lock(mutex_);
    has_news_ = true;
  }
  // What the short ones said to be in flight.
  std::vector<unsigned> repetitions() const {
    const std::lock_guard lock(mutex_);
    return repetitions_;
  }
  bool hears_repetitions(std::size_t count) {
    std::unique_lock lock(mutex_);
    return heard_more_.wait_for(lock, deadline, [&] { return repetitions_.size() >= count; });
  }
  // From now on it answers that an operator has removed the worker.
  void remove_worker() {
    const std::lock_guard lock(mutex_);
    reply_.registered = false;
    reply_.removed = true;
  }
  // From now on its answers bring this key.
  void give_key(const std::string& key) {
    const std::lock_guard lock(mutex_);
    reply_.key = key;
  }
  // What its answers say besides.
  void advise(std::string checks, std::string warning) {
    const std::lock_guard lock(mutex_);
    reply_.checks = std::move(checks);
    reply_.warning = std::move(warning);
  }
  // Whom its answers name as the masters of the cluster.
  void name_masters(std::string masters, std::uint64_t as_of = 0) {
    const std::lock_guard lock(mutex_);
    reply_.masters = std::move(masters);
    reply_.masters_as_of = as_of;
    reply_.cluster = as_of > 0 ? "1" : "";
  }
  void call_itself(const std::string& node, const std::string& role, Term term) {
    const std::lock_guard lock(mutex_);
    reply_.term = term;
    reply_.node = node;
    reply_.role = role;
  }
  void answer_with(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable heard_more_;
  Heard heard_;
  std::set<int> connections_;
  std::string authorization_;  // of the latest heartbeat
  wire::HeartbeatReply reply_;
  std::uint64_t kept_ = 0;  // the sequence of the last whole document
  std::vector<unsigned> repetitions_;
  bool has_news_ = false;
  int status_ = 200;
  Endpoint address_;
  ConnectionServer server_;  // last: its threads use what stands above
};

// Waits for what has no condition variable of its own.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace tandem::test
