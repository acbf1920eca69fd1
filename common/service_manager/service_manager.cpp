#include "common/service_manager/service_manager.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/base/printable.hpp"
#include "common/service_manager/limits.hpp"

namespace tandem {

namespace {

std::string taken_from_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::int64_t microseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::microseconds>(duration).count();
}

std::optional<Duration> watchdog_of_this_process() {
  const auto process = taken_from_environment("WATCHDOG_PID");
  const auto period = number(taken_from_environment("WATCHDOG_USEC"));
  if (!process.empty() && number(process) != static_cast<std::uint64_t>(::getpid())) return {};
  if (!period || *period == 0) return {};
  constexpr std::uint64_t most = microseconds(limits::watchdog_max);
  return std::chrono::microseconds(std::min(*period, most));
}

}  // namespace

ServiceManager::ServiceManager()
    : socket_(taken_from_environment("NOTIFY_SOCKET")), watchdog_(watchdog_of_this_process()) {
  if (socket_.is_open() && watchdog_) beat_interval_ = *watchdog_ / limits::beats_per_watchdog;
}

void ServiceManager::send(std::string_view lines) {
  if (is_main_) socket_.send(lines);
}

void ServiceManager::wait_for_its_turn() {
  const Lock lock(mutex_);
  is_main_ = false;
}

void ServiceManager::take_its_turn() {
  const Lock lock(mutex_);
  if (std::exchange(is_main_, true)) return;
  if (state_ == State::serving || state_ == State::reloading) send("READY=1");
  if (!status_.empty()) send("STATUS=" + status_);
}

void ServiceManager::give_turn_to(std::int64_t process) {
  const Lock lock(mutex_);
  send(fmt::format("MAINPID={}", process));
  is_main_ = false;
}

void ServiceManager::ready() {
  const Lock lock(mutex_);
  if (state_ != State::starting) return;
  state_ = State::serving;
  send("READY=1");
}

void ServiceManager::status(std::string_view text) {
  if (!listens()) return;
  auto line = printable(text.substr(0, limits::status_text_bytes_max));
  const Lock lock(mutex_);
  if (line == status_) return;
  status_ = std::move(line);
  send("STATUS=" + status_);
}

void ServiceManager::begin_reload() {
  const Lock lock(mutex_);
  if (state_ != State::serving) return;
  state_ = State::reloading;
  const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds(since_boot)));
}

void ServiceManager::end_reload() {
  const Lock lock(mutex_);
  if (state_ != State::reloading) return;
  state_ = State::serving;
  send("READY=1");
}

void ServiceManager::stopping(Duration at_most) {
  const Lock lock(mutex_);
  if (std::exchange(state_, State::stopping) == State::stopping) return;
  send(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", microseconds(at_most)));
}

void ServiceManager::beat() {
  if (!watchdog_) return;
  const Lock lock(mutex_);
  std::string lines = "WATCHDOG=1";
  if (state_ == State::starting) {
    lines += fmt::format("\nEXTEND_TIMEOUT_USEC={}", microseconds(*watchdog_));
  }
  send(lines);
}

}  // namespace tandem
