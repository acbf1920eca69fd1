// client_side.hpp: a client and its request, as an exchange and its attempts hold them.
// Owner: the exchange.
#pragma once

#include <string>
#include <string_view>

#include "common/http1/http_head.hpp"
#include "master/forward/access_log/note.hpp"
#include "master/forward/exchange/request_times.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/sender.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/stream/message_stream.hpp"
#include "master/forward/workers/service_options.hpp"

namespace tandem::master {

struct ClientSide {
  // It is safe to send again (RFC 9110 §9.2.2, or by the operator's word), and still here as a
  // whole.
  bool is_repeatable() const { return !streaming && has_repeatable_method(); }
  bool has_repeatable_method() const {
    return options->retry_methods.contains(request.method()) || is_named_call();
  }
  // A gRPC call of a method that the operator has named.
  bool is_named_call() const {
    return is_grpc && options->retry_methods.names_calls() &&
           options->retry_methods.contains_call(grpc_method(request).substr(stripped));
  }

  MessageStream& stream;
  Sender sender;
  Buffer& in;  // starts with the head, then what was read of the body and of the next request
  RequestHead& request;           // within it
  const RequestOptions* options;  // of its service, or of its route
  RequestTimes times;
  std::string_view body{};  // its content, gathered, within `in`; empty when streaming
  std::string trailers{};   // of that body
  bool streaming = false;   // the body is passed on as it arrives
  bool is_grpc = false;     // a gRPC call
  // It is a standby that holds the body back until it is told that a worker takes the request.
  bool awaits_word = false;
  bool is_hedged = false;      // another attempt is under way: interim responses are dropped
  bool may_try_again = false;  // if this attempt fails, another one may follow that workers see
  std::string_view request_id{};
  std::size_t stripped = 0;  // bytes that the target begins with and the worker does not see
  std::string_view
      set_cookie{};  // for the response, so that the client sticks to the worker; empty: none
  AccessNote note{};
};

}  // namespace tandem::master
