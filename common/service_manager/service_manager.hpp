// service_manager.hpp: what a program tells systemd, or whoever else started it and listens
// (sd_notify(3)): that it serves, how it stands, that it reads its configuration again, that it
// ends, and that it is alive.
//
// Nobody may listen; then all of this does nothing. While the program starts, each sign of life
// also asks for more time, so that a start that waits for others is no failure and one that hangs
// is. Owner: main(). Any thread, except where it says otherwise.
#pragma once

#include <cstdint>
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
  // For a process that is to take the place of another: it says nothing until then.
  void wait_for_its_turn();
  // The turn has come: what was to be said is said. REQUIRES: wait_for_its_turn()
  void take_its_turn();
  // Another process of this service is the main one from now on; this one says nothing any more.
  void give_turn_to(std::int64_t process);
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
  void send(std::string_view lines) TANDEM_REQUIRES(mutex_);
  void begin_reload();
  void end_reload();

  NotifySocket socket_;
  std::optional<Duration> watchdog_;  // without a sign of life for so long it is killed
  std::optional<Duration> beat_interval_;
  Mutex mutex_;
  State state_ TANDEM_GUARDED_BY(mutex_) = State::starting;
  bool is_main_ TANDEM_GUARDED_BY(mutex_) = true;  // nobody listens to another process
  std::string status_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
