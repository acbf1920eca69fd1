// blocking_client.hpp: asks one server, again and again, from a thread that may wait: heartbeats of
// workers, and `tandem`. The connection is kept between requests where the server keeps it.
//
// A kept connection that the server has closed says nothing about the server, so a request on it is
// sent once more on a new one, unless some of an answer has come, or the time is up.
//
// Owner: one thread.
#pragma once

#include <memory>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/http/http_call.hpp"
#include "common/tls/credentials.hpp"

namespace tandem {

struct BlockingClientOptions {
  Duration connect_max = limits::connect_max;         // for each address of a name
  Duration answer_max = limits::control_request_max;  // for a request and its answer
  Duration ask_max = Duration::max();                 // for all of that together
  AnswerLimits answer{};
  tls::CurrentCredentialsPtr credentials{};  // the server has to be a master; null: in clear
};

class BlockingClient {
 public:
  BlockingClient(Endpoint server, BlockingClientOptions options);
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  // Blocks. `request.fields` may not have a Connection of its own.
  HttpOutcome ask(const HttpRequest& request);

 private:
  class Body;
  const Endpoint server_;
  const BlockingClientOptions options_;
  std::unique_ptr<Body> body_;  // made when it is first needed, since the system may refuse it
};

}  // namespace tandem
