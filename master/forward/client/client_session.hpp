// client_session.hpp: one client connection, from accept to close.
//
// Between requests a session is warm for a moment (it waits with a buffer in hand) and then cold:
// it owns no buffer and no parser, only its socket and a place in the timing wheel. Requests on one
// connection are served one after the other, so pipelined ones are answered in order. Owner: its
// loop; it frees itself when the connection has ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "master/forward/client/clients.hpp"
#include "master/forward/client/tls_memory.hpp"
#include "master/forward/exchange/exchange.hpp"
#include "master/forward/io/intrusive_list.hpp"

namespace tandem::master {

class H2Connection;
struct ProxyHeader;

class ClientSession : public IntrusiveListMember<ClientSession> {
 public:
  static void start(Context& context, Clients& clients, ByteStream connection,
                    const Arrival& arrival, std::shared_ptr<const Entrance> entrance);
  ~ClientSession();

  // Ends the session unless a request is being served or has arrived, which will be the last; one
  // that has had none has limits::first_request_max for it, since its connection is ready.
  void drain();
  // The session is about to be passed on: ends its wait for a request, so that it is. One that
  // cannot be ends as with drain(), or with its next answer.
  void prepare_to_pass();
  // If it came in there: with HTTP/2 it takes no new streams. One of HTTP/1 is told by its next
  // answer, and not closed meanwhile: a request may be on the way that cannot be sent twice.
  void tell_of_leaving(const Entrance& entrance);
  // Ends the session if its client has been idle since that time. True if so.
  bool close_if_idle_since(Instant since);
  // Ends the session as soon as possible.
  void abort();
  // The same, if it is a master's that must not pass requests on any more.
  void abort_unless_believed();

 private:
  ClientSession(Context& context, Clients& clients, ByteStream connection, const Arrival& arrival,
                std::shared_ptr<const Entrance> entrance);
  bool count_in(const TcpEndpoint& peer);
  bool gives_time_for_first_request();
  bool is_passed_on() const;
  bool is_passable();
  bool pass_on(const IoResult& waited);
  Task<bool> read_proxy_header();
  void take_proxy_header(const ProxyHeader& header);
  void refuse_proxy_header(std::string_view why) const;
  Sender sender();
  bool has_memory();
  static Detached run(std::unique_ptr<ClientSession> session);

  // Keep: the connection is secure.
  Task<Ending> shake_hands();
  Entry entry() const;
  Task<bool> secure();
  bool take_certificate();
  SSL* begin_handshake();
  bool take_master();
  void refuse_at_inner_address(const std::string& why) const;
  void tell_of_failure();
  Task<> refuse_plain();
  bool may_speak_http2();
  Task<bool> serve_http2();
  // False when the connection is to be closed.
  HeadStatus parse_head();
  Task<bool> read_head(HeadStatus status);
  Task<Ending> serve_request();
  Task<> refuse(Refusal refusal);
  bool must_linger(Ending ending);
  // Briefly: for limits::linger_max. For an answer: as long as the client sends, within limits, or
  // takes it.
  enum class Linger { briefly, for_answer };
  Task<> linger(Linger length);
  void close(Ending ending);
  // Tells the access log of the request that has ended, if there is one.
  void log(const AccessNote& note, std::string_view request_id);

  Context& context_;
  Clients& clients_;
  ByteStream connection_;
  const std::shared_ptr<const Entrance> entrance_;
  Arrival arrival_;
  std::string address_;
  std::string certificate_;  // as X-Forwarded-Client-Cert has it; empty: none was shown
  bool trusted_;             // a proxy of ours
  std::optional<tandem::tls::Peer> master_{};  // with that certificate, at the inner address
  Buffer in_;
  RequestHead* request_ = nullptr;  // borrowed from the loop while a request is read and served
  Exchange* exchange_ = nullptr;    // while one runs
  H2Connection* http2_ = nullptr;   // while the client speaks HTTP/2
  Deadline deadline_;
  Instant started_;  // the request
  Instant idle_since_;
  std::optional<ClientCounts::Key> counted_as_;
  std::unique_ptr<Handshakes::Handshake> handshake_;  // while it is under way
  std::optional<TlsMemory> tls_memory_;
  bool untouched_ = true;  // it waits, and nothing of what it has sent is here
  bool idle_ = true;
  bool ending_ = false;
  unsigned in_a_row_ = 0;  // requests since the last wait for one
};

}  // namespace tandem::master
