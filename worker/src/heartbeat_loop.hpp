// heartbeat_loop.hpp: the heartbeats to one master, from a thread of their own.
//
// Each master has its own thread, because a blocking client can hang until its time-out: a frozen
// master must not delay heartbeats to the others. The connection is kept between heartbeats. A
// master that can is sent the short form as long as nothing has changed
// (common/wire/repeated_heartbeat.hpp).
//
// Owner: Registration. The public functions may be called from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/heartbeat.hpp"
#include "tandem/worker.hpp"

namespace tandem {

class BlockingClient;

// What a worker proves to masters who it is by.
struct Proof {
  std::string token{};                       // empty: none
  tls::CurrentCredentialsPtr credentials{};  // heartbeats go over TLS; null: in clear
};

class HeartbeatLoop {
 public:
  // Returns the content of each heartbeat; called on the loop's thread.
  using Describe = std::function<wire::Heartbeat()>;
  // Takes each reply, likewise.
  using Take = std::function<void(const wire::HeartbeatReply&)>;

  HeartbeatLoop(Endpoint master, Proof proof, Duration interval, Describe describe, Take take,
                EventLog log);
  ~HeartbeatLoop();  // REQUIRES: join() was called if start() was
  HeartbeatLoop(const HeartbeatLoop&) = delete;
  HeartbeatLoop& operator=(const HeartbeatLoop&) = delete;

  void start();
  // The result of `describe` has changed: sends it at once.
  void changed();
  // From now on that token is presented; a heartbeat is sent at once.
  void set_token(std::string token);
  // Sends the result of `describe` once more, then ends. Does not wait.
  void finish();
  // Ends without another heartbeat: an operator has removed the worker. Does not wait.
  void halt();
  // Waits for the end. REQUIRES: finish() or halt() was called.
  void join();
  // Whether its thread has ended, so that join() does not wait.
  bool has_ended() const { return has_ended_; }

  MasterState state() const;

 private:
  std::string token() const;
  void run();
  void beat(BlockingClient& client);
  bool send(BlockingClient& client, const wire::Heartbeat& heartbeat, bool in_full);
  void accepted(const wire::HeartbeatReply& reply);
  void failed(std::string why);
  // Waits until a heartbeat is due. False: there is none left to send.
  bool wait_for_next();

  const Endpoint master_;
  const tls::CurrentCredentialsPtr credentials_;
  const Describe describe_;
  const Take take_;
  const EventLog log_;

  mutable Mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  MasterState state_ TANDEM_GUARDED_BY(mutex_);
  Instant hangs_from_ TANDEM_GUARDED_BY(mutex_) = Instant::forever();  // unless it does something
  std::string token_ TANDEM_GUARDED_BY(mutex_);
  bool changed_ TANDEM_GUARDED_BY(mutex_) = false;
  bool finishing_ TANDEM_GUARDED_BY(mutex_) = false;
  bool halted_ TANDEM_GUARDED_BY(mutex_) = false;
  unsigned failures_ TANDEM_GUARDED_BY(mutex_) = 0;  // in a row
  std::string warning_ TANDEM_GUARDED_BY(mutex_);    // as last logged
  Duration interval_ TANDEM_GUARDED_BY(mutex_);

  // The thread's own: what the master was last told in full; the last reply to it, as long as the
  // master has kept it, so that it may be repeated.
  wire::Heartbeat told_;
  std::optional<wire::HeartbeatReply> kept_;
  std::minstd_rand random_;
  std::atomic<bool> has_ended_ = true;
  std::thread thread_;
};

}  // namespace tandem
