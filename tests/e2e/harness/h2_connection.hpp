// h2_connection.hpp: a client's connection of HTTP/2 by prior knowledge, with any number of calls
// at once.
//
// It does nothing by itself: turn() writes what there is to send and reads what has come, and the
// calls that end in the meantime are told. For the harness's own clients. Owner: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"
#include "tests/e2e/harness/http.hpp"

namespace tandem::e2e {

struct H2Request {
  std::string method;
  std::string path;
  std::string body{};
  Headers headers{};
};

// What became of one call.
struct H2Outcome {
  Answer answer;             // of one that broke off: what has come of it, and an error
  bool unprocessed = false;  // the server did nothing for it
};

class H2Connection : private master::h2::SessionEvents {
 public:
  // It may open further calls, and must not end the connection.
  using Done = std::function<void(H2Outcome)>;

  // Null: nobody is there.
  static std::unique_ptr<H2Connection> to(const std::string& address);
  H2Connection(int socket, std::string authority);
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;
  // Calls that are left are told nothing.
  ~H2Connection();

  int socket() const { return socket_; }
  std::size_t calls() const { return calls_.size(); }
  bool is_lost() const { return lost_; }
  // There are bytes that the server has not taken.
  bool wants_to_write() const { return !out_.empty() || session_.has_output(); }
  // Another call can begin here, as far as it is known.
  bool can_open() const { return !lost_ && !refuses_ && session_.can_open(); }
  // REQUIRES: can_open()
  void open(const H2Request& request, Done done);
  // False: nothing came within that time.
  bool turn(Milliseconds patience);

 private:
  struct Call {
    std::string body;  // of the request
    Done done;
    H2Outcome outcome{};
    bool ended = false;  // the answer is whole
  };

  void write();
  void read();
  void end_answered_calls();
  void lose();
  void end(master::h2::StreamId id, const std::string& error);

  // ---- of the session
  void on_head(master::h2::Stream& stream, master::h2::PooledHead head, bool ends) override;
  void on_interim(master::h2::Stream&, master::h2::PooledHead) override {}
  void on_content(master::h2::Stream& stream, std::string_view bytes) override;
  void on_trailers(master::h2::Stream&, master::h2::PooledHead) override {}
  void on_end(master::h2::Stream& stream) override;
  void on_sent(master::h2::Stream&) override {}
  void on_closed(master::h2::Stream& stream, const master::h2::Closure& closure) override;
  void on_goaway(master::h2::StreamId, master::h2::ErrorCode) override { refuses_ = true; }
  void on_settings() override {}
  void on_ping_answered() override {}

  const int socket_;
  const std::string authority_;
  master::h2::SessionMemory memory_;
  master::h2::Session session_;
  master::Buffer out_;
  std::map<master::h2::StreamId, Call> calls_;
  std::map<master::h2::StreamId, master::h2::Stream*> answered_;  // to be ended
  bool refuses_ = false;  // the server takes no further calls here
  bool lost_ = false;
};

}  // namespace tandem::e2e
