// service_manager.hpp: what a program tells systemd, or whoever else started it and listens
// (sd_notify(3)): that it serves, how it stands, that it reads its configuration again, that it
// ends, and that it is alive.
//
// Nobody may listen; then all of this does nothing. While the program starts, each sign of life
// also asks for more time, so that a start that waits for others is no failure and one that hangs
// is. Owner: main(). Any thread, except where it says otherwise.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"
#include "common/service_manager/notify_socket.hpp"

namespace tandem {

class ServiceManager {
 public:
  // As the environment says; from then on it says nothing of it, since programs that this one
  // starts do not speak for it. By main(), before it starts a thread.
  ServiceManager();

  bool listens() const { return socket_.is_open(); }
  // It serves. Only the first time counts.
  void ready();
  // How it stands, in a sentence. Sent when it differs from the last one.
  void status(std::string_view text);
  // It reads its configuration again for as long as this lives. One at a time.
  class Reload {
   public:
    explicit Reload(ServiceManager& manager) : manager_(manager) { manager_.begin_reload(); }
    ~Reload() { manager_.end_reload(); }
    Reload(const Reload&) = delete;
    Reload& operator=(const Reload&) = delete;

   private:
    ServiceManager& manager_;
  };
  // It ends, and needs no longer than `at_most`.
  void stopping(Duration at_most);
  // It is alive. To be called each beat_interval(); nothing: nobody counts.
  void beat();
  std::optional<Duration> beat_interval() const { return beat_interval_; }

 private:
  enum class State { starting, serving, reloading, stopping };
  void begin_reload();
  void end_reload();

  NotifySocket socket_;
  std::optional<Duration> watchdog_;  // without a sign of life for so long it is killed
  std::optional<Duration> beat_interval_;
  Mutex mutex_;
  State state_ TANDEM_GUARDED_BY(mutex_) = State::starting;
  std::string status_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
