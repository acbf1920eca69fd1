#include "worker/program/target_probe.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "common/base/limits.hpp"
#include "worker/src/client_error.hpp"

namespace tandem {

namespace {

// Empty when the target answered as a living service does. Its answer's body is not read beyond a
// bound.
std::string probe(httplib::Client& client, const Endpoint& target) {
  std::size_t received = 0;
  const auto result = client.Get("/health", httplib::Headers{{"Host", target.to_string()}},
                                 [&received](const char*, std::size_t size) {
                                   received += size;
                                   return received <= limits::control_body_bytes_max;
                                 });
  if (!result) return in_words(result.error());
  if (result->status >= 500) return fmt::format("status {}", result->status);
  return "";
}

}  // namespace

TargetProbe::TargetProbe(Endpoint target, Duration interval, Report report)
    : target_(std::move(target)),
      interval_(interval),
      report_(std::move(report)),
      thread_([this] { run(); }) {}

TargetProbe::~TargetProbe() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void TargetProbe::run() {
  std::optional<bool> reported;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    // A fresh connection each time: that a kept one was closed says nothing of the target.
    httplib::Client client(target_.host, target_.port);
    client.set_connection_timeout(limits::heartbeat_connect_max);
    client.set_read_timeout(limits::heartbeat_answer_max);
    const auto why = probe(client, target_);
    if (reported != why.empty()) {
      reported = why.empty();
      report_(*reported, why);
    }
    lock.lock();
    wake_.wait_for(lock, interval_, [this] { return stopping_; });
  }
}

}  // namespace tandem
