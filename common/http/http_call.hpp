// http_call.hpp: one HTTP/1.1 request to one server and its answer, for the clients of the control
// plane: a standby that passes a change on, questions to other masters, health checks, the
// announcement of a term. Or another conversation, in place of that request.
//
// A call connects, sends, reads the answer as strictly as the data plane does, and closes. It has a
// deadline for the whole call, and one for each address that it tries. Its outcome is precise,
// because callers draw different conclusions from a refused connection, a broken one, silence, and
// a shortage on this machine.
//
// Calls belong to a group, and cancel() ends all calls of a group at once, whatever they wait for,
// even a name server: so no call outlasts the shutdown of its owner. Owner: the loop's thread,
// except for cancel().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/time.hpp"
#include "common/http/answer_reader.hpp"
#include "common/http/conversation.hpp"
#include "common/http/limits.hpp"
#include "common/tls/credentials.hpp"

namespace tandem {

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::string fields{};  // as lines with CRLF, besides Host, Connection and Content-Length
  std::string body{};
};

struct HttpCallOptions {
  Duration total_max = limits::control_request_max;  // for the whole call
  Duration connect_max = limits::connect_max;        // for each address; see HttpCalls::call()
  Duration tick_every{};  // of a conversation; zero: it has no use for that
  AnswerLimits answer{};
  // True: the head alone is the answer. The body is read so that the server can close normally, and
  // dropped; errors in it do not matter.
  bool head_only = false;
  std::string_view preamble{};  // is sent before all else, in clear; outlives the call
};

struct HttpOutcome {
  enum class End {
    answered,
    refused,      // by all addresses: no process listens there
    unreachable,  // no connection for another reason, or the name has no address
    own_trouble,  // this machine is short of something, which says nothing about the server
    broken,       // the connection ended before the answer was whole
    malformed,    // the answer is not well-formed HTTP/1.1, or too long
    timed_out,    // the whole call
    cancelled,
  };
  End end = End::cancelled;
  bool sent = false;     // some of the request may have arrived
  bool begun = false;    // some of an answer has arrived
  Endpoint address{};    // the one that was connected to, or tried last
  HttpAnswer answer{};   // when it was answered
  std::string why{};     // when it was not, for people
  std::string master{};  // the name in the certificate of who has answered; empty: in clear

  bool answered() const { return end == End::answered; }
};

class HttpCalls {
 public:
  // `loop` outlives it.
  explicit HttpCalls(boost::asio::io_context& loop);
  ~HttpCalls();  // cancels; calls then end when the loop runs
  HttpCalls(const HttpCalls&) = delete;
  HttpCalls& operator=(const HttpCalls&) = delete;

  // Asks the first of `addresses` that accepts a connection; a name stands for all its addresses. A
  // silent address does not use up the time of those after it. The request is sent once at most.
  // REQUIRES: `addresses` is not empty.
  boost::asio::awaitable<HttpOutcome> call(std::vector<Endpoint> addresses, HttpRequest request,
                                           HttpCallOptions options);
  // The same with `conversation` in place of a request: `answered` once it is over, whatever that
  // means; the answer is there, not in the outcome.
  boost::asio::awaitable<HttpOutcome> call(std::vector<Endpoint> addresses,
                                           std::shared_ptr<Conversation> conversation,
                                           HttpCallOptions options);

  // Calls that begin from now on are to masters, over TLS; null: in clear. An answer of anybody
  // else is none. The loop's thread.
  void set_credentials(tls::CurrentCredentialsPtr credentials);

  // Ends the calls under way, and all that begin later: at once on the loop's thread, or from any
  // other thread as soon as the loop gets to it.
  void cancel();

 private:
  struct Call;
  struct Group;

  static boost::asio::awaitable<HttpOutcome> run(std::shared_ptr<Group> group,
                                                 std::shared_ptr<Call> call);

  std::shared_ptr<Group> group_;  // shared with the calls
};

}  // namespace tandem
