// client_session.hpp: one client connection, from accept to close.
//
// Between requests a session is warm for a moment (it waits with a buffer in hand) and then cold:
// it owns no buffer and no parser, only its socket and a place in the timing wheel. Requests on one
// connection are served one after the other, so pipelined ones are answered in order. Owner: its
// loop; it frees itself when the connection has ended.
#pragma once

#include <memory>
#include <string>

#include "master/forward/exchange.hpp"
#include "master/forward/intrusive_list.hpp"
#include "master/forward/loop.hpp"

namespace tandem::master {

class ClientSession : public IntrusiveListMember<ClientSession> {
 public:
  static void start(Loop& loop, Socket socket, const TcpEndpoint& peer);
  ~ClientSession();

  // Ends the session unless a request is being served or has arrived; that one will be the last.
  void drain();
  // Ends the session as soon as possible.
  void abort();

 private:
  ClientSession(Loop& loop, Socket socket, const TcpEndpoint& peer);
  static Detached run(std::unique_ptr<ClientSession> session);

  // False when the connection is to be closed.
  HeadStatus parse_head();
  Task<bool> read_head(HeadStatus status);
  Task<Ending> serve_request();
  Task<> refuse(Refusal refusal);
  Task<> linger();
  void close(Ending ending);
  // Tells the access log of the request that has ended, if there is one.
  void log(const AccessNote& note, std::string_view request_id);

  Loop& loop_;
  Socket socket_;
  std::string address_;
  bool trusted_;  // a proxy of ours
  Buffer in_;
  RequestHead* request_ = nullptr;  // borrowed from the loop while a request is read and served
  Exchange* exchange_ = nullptr;    // while one runs
  Deadline deadline_;
  Instant started_;  // the request; kept for the access log only
  bool idle_ = true;
  bool ending_ = false;
  unsigned in_a_row_ = 0;  // requests since the last wait for one
};

}  // namespace tandem::master
