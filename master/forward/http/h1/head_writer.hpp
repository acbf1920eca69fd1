// head_writer.hpp: the heads that leave this gateway, as RFC 9110 §7.6 and RFC 9112 want them.
//
// A forwarded head keeps the order and the case of the end-to-end fields. It loses the fields that
// end at this hop, and states the framing anew, so that the next reader finds only one meaning. It
// is text, or for HTTP/2 fields, by the same code.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "common/http1/body_framing.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/http/sender.hpp"
#include "master/forward/http/stripped_prefix.hpp"
#include "master/forward/http/written_head.hpp"

namespace tandem::master {

struct RequestContext {
  std::string_view via;            // this gateway's name in Via; empty: none of ours
  Sender sender;                   // what it says about its client is kept if it is believed
  bool keeps_underscores = false;  // in names of fields; else only those of believed senders
  std::string_view request_id;     // of the client, or made here
  std::string_view worker_host;    // Host for HTTP/1.0 requests that have none
  std::size_t stripped = 0;        // bytes that the target begins with and the worker does not see
  std::string_view term;           // Tandem-Term with its proof, for Tandem workers; empty: none
  std::string_view pass{};         // Tandem-Pass, for the primary; empty: none
  bool holds_body = false;         // Tandem-Expect: the primary says when the body is to follow
  std::optional<Duration> left{};  // Tandem-Timeout-Ms: the time that is left; unset: no deadline
  bool is_grpc = false;            // grpc-timeout states the time that is left, too
  std::string_view traceparent{};  // in place of the client's; empty: that, if it is sound
};

// How the gateway dates its own answers, and those of workers that did not (RFC 9110 §6.6.1).
std::string_view http_date();

// Appends the request head as the worker is to see it; grows `out` as needed.
void write_request_head(Buffer& out, const RequestHead& request, const RequestContext& context);
// The same as fields. What is put together lies in `out`; all other views are those of its
// arguments, and of what lives for good or until the second ends.
void write_request_head(WrittenHead& head, Buffer& out, const RequestHead& request,
                        const RequestContext& context);

struct ResponseContext {
  std::string_view via;             // empty: none of ours
  Framing framing = Framing::none;  // towards the client
  int client_version = 11;
  bool keep_alive = true;         // the client's connection goes on after this response
  std::string_view set_cookie{};  // empty: none of ours
  bool secure = false;            // the client sends the cookie only over https
  std::string_view hsts{};        // where the worker sends none itself; empty: none
  StrippedPrefix stripped{};      // the part of the target that the worker did not see
};

// Appends the response head as the client is to see it; grows `out` as needed.
void write_response_head(Buffer& out, const ResponseHead& response, const ResponseContext& context);
void write_response_head(WrittenHead& head, Buffer& out, const ResponseHead& response,
                         const ResponseContext& context);
// Appends an interim (1xx) response.
void write_interim_head(Buffer& out, const ResponseHead& response, std::string_view via);

// An answer of the gateway itself: an error document, with the fields that its status requires.
struct LocalResponse {
  unsigned status = 503;
  std::string_view code;        // of the error document
  std::string_view message;     // a sentence
  unsigned retry_after_s = 0;   // 0: no Retry-After
  std::string_view location{};  // empty: no Location
  std::string_view hsts{};      // empty: no Strict-Transport-Security
  // Tells the master that passed the request on: this one does not lead, nothing was executed.
  bool not_primary = false;
  bool is_used_up = false;  // what the request needs: RESOURCE_EXHAUSTED to gRPC
  bool keep_alive = false;
  bool to_head = false;       // the request was HEAD: no body
  bool allows_trace = false;  // for the Allow of a 405
};
// Appends it; grows `out` as needed. Returns how many bytes of it are body.
std::size_t write_local_response(Buffer& out, const LocalResponse& response);

// The same to a gRPC call, whose clients look at trailers alone: a head with the status that it
// stands for ("trailers-only"), and no body.
void write_grpc_error(Buffer& out, const LocalResponse& response);

// Appends the answer to --health-path of a master that is able to serve. Returns as above.
std::size_t write_ready_response(Buffer& out, bool keep_alive, bool to_head);

// Appends the answer to a challenge of ACME. Returns as above.
std::size_t write_challenge_response(Buffer& out, std::string_view content, bool keep_alive,
                                     bool to_head);

// The reason phrase of a status that this gateway sends.
std::string_view reason_phrase(unsigned status);

}  // namespace tandem::master
