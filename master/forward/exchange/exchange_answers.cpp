// The part of Exchange that answers by itself.
#include "master/forward/exchange/exchange.hpp"

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/http/h1/max_forwards.hpp"
#include "master/forward/http/location.hpp"

namespace tandem::master {

// No worker's answer was passed on to its end: says why, if anything can be said.
Task<Ending> Exchange::answer_failure() {
  switch (verdict_.failure) {
    case Failure::broken_off: co_return Ending::abort;
    case Failure::bad_body: {
      auto answering = answer_bad_body(last_.client_status);
      co_return co_await answering;
    }
    case Failure::not_served: {
      auto answering = answer_not_served();
      co_return co_await answering;
    }
    default: break;
  }
  std::string room;
  auto answering = answer(describe(verdict_.failure, room));
  co_return co_await answering;
}

// `room`: for a message that is made here.
LocalResponse Exchange::describe(Failure failure, std::string& room) const {
  const bool from_primary = destination_ == Destination::primary;
  const std::string_view who = from_primary ? "primary" : "worker";
  const auto error = [](unsigned status, std::string_view code, std::string_view message) {
    return LocalResponse{.status = status,
                         .code = code,
                         .message = message,
                         .retry_after_s = status == 503 ? 1u : 0u};
  };
  const auto used_up = [&error](std::string_view code, std::string_view message) {
    auto response = error(503, code, message);
    response.is_used_up = true;
    return response;
  };
  const auto say = [&room](std::string message) -> std::string_view {
    return room = std::move(message);
  };
  switch (failure) {
    case Failure::unknown:
      return error(502, "outcome_unknown",
                   "Another master leads now and the former one did not answer; the request may "
                   "have been executed.");
    case Failure::deadline:
      return error(504, "gateway_timeout", "The time for the whole request is over.");
    case Failure::no_worker:
      if (destination_ == Destination::workers && has_no_route()) {
        return error(404, "no_route", "No route leads from this host and path to a service.");
      }
      return error(503, "no_worker",
                   say(fmt::format("Service \"{}\" has no live worker.", service_name_)));
    case Failure::full:
      if (from_primary) {
        return used_up("primary_full", "All connections to the primary are in use.");
      }
      return used_up("workers_full",
                     say(fmt::format("All workers of service \"{}\" are busy.", service_name_)));
    case Failure::unprocessed:
      return error(503, "workers_full",
                   say(fmt::format("The workers of service \"{}\" take no more; nothing was "
                                   "executed.",
                                   service_name_)));
    case Failure::tls_refused:
      if (from_primary) {
        return error(503, "no_primary",
                     "The primary refuses TLS with this master; the request was not executed.");
      }
      return error(503, "no_worker",
                   say(fmt::format("The workers of service \"{}\" refuse TLS with this master; the "
                                   "request was not executed.",
                                   service_name_)));
    case Failure::unsupported:
      return error(501, "websocket_not_supported",
                   say(fmt::format("The workers of service \"{}\" speak HTTP/2 and take no "
                                   "WebSockets (RFC 8441).",
                                   service_name_)));
    case Failure::head_too_large:
      return error(431, "head_too_large",
                   say(fmt::format("The workers of service \"{}\" take no request head that "
                                   "large.",
                                   service_name_)));
    case Failure::no_resources:
      return used_up("out_of_resources",
                     "This master has no descriptor, port or memory left to connect; nothing was "
                     "sent.");
    case Failure::timed_out:
      return error(504, "gateway_timeout", say(fmt::format("The {} did not answer in time.", who)));
    case Failure::bad_response:
      return error(502, "bad_gateway",
                   say(fmt::format("The {}'s answer is not well-formed HTTP/1.1.", who)));
    default: break;
  }
  return error(502, "bad_gateway",
               say(fmt::format("The {} closed the connection without an answer; the request may "
                               "have been executed.",
                               who)));
}

// Nothing was executed, for this master does not lead, or must not serve now.
Task<Ending> Exchange::answer_not_served() {
  LocalResponse response{.status = 503,
                         .code = "no_primary",
                         .message = "No master is known to serve at this moment.",
                         .retry_after_s = 1};
  std::string target;
  const auto& primary = context_.primary_route().leadership().primary_listen;
  if (is_said_to_be_passed_on()) {
    response.code = "not_primary";
    response.message = "This master does not lead now; nothing was executed.";
    response.not_primary = true;
  } else if (destination_ == Destination::none) {
    response.code = "not_primary";
    response.message = "Another master leads.";
    if (context_.options().standby_traffic == StandbyTraffic::redirect) {
      TANDEM_ASSERT(primary.has_value());
      target = location("http://" + primary->to_string(), client_.request.target());
      response.status = 307;
      response.retry_after_s = 0;
      response.location = target;
    }
  }
  auto answering = answer(response);
  co_return co_await answering;
}

Task<Ending> Exchange::answer(unsigned status, std::string_view code, std::string_view message) {
  auto answering = answer(LocalResponse{.status = status,
                                        .code = code,
                                        .message = message,
                                        .retry_after_s = status == 503 ? 1u : 0u});
  co_return co_await answering;
}

// The request is refused before its body was read, which nobody is going to read.
Task<Ending> Exchange::answer_unread(LocalResponse response) {
  client_.streaming = true;
  auto answering = answer(response);
  co_return co_await answering;
}

// `response`, and what the request and its connection say.
Task<Ending> Exchange::answer(LocalResponse response) {
  const bool early = response.status >= 400 && response.status < 500 && response.status != 404;
  response.keep_alive = !early && stays_after_answer();
  response.hsts = context_.hsts_for(client_.request, client_.sender);
  response.to_head = client_.request.is_head();
  response.allows_trace = context_.options().allows_trace;
  Buffer out = context_.buffers().borrow();
  std::size_t body_bytes = 0;
  // What one master tells another about itself is for no client.
  if (client_.is_grpc && !response.not_primary) {
    write_grpc_error(out, response);
  } else {
    body_bytes = write_local_response(out, response);
  }
  auto sending = send_answer(std::move(out), response.status, body_bytes, response.keep_alive);
  co_return co_await sending;
}

Task<Ending> Exchange::answer_as_final_recipient() {
  const bool keep = stays_after_answer();
  Buffer out = context_.buffers().borrow();
  write_final_recipient_answer(out, client_.request, client_.in.view(),
                               context_.options().allows_trace, keep);
  const auto body_bytes = out.size() - (out.view().find("\r\n\r\n") + 4);
  auto sending = send_answer(std::move(out), 200, body_bytes, keep);
  co_return co_await sending;
}

// As GET /ready of the control address: nothing about workers, which all masters have in common.
Task<Ending> Exchange::answer_health() {
  client_.streaming = client_.request.framing() != Framing::none;  // a body is not going to be read
  const auto why_not = context_.draining() ? std::string_view("This master is draining.")
                                           : context_.primary_route().not_ready(now());
  if (!why_not.empty()) {
    auto answering = answer(503, "unavailable", why_not);
    co_return co_await answering;
  }
  const bool keep = stays_after_answer();
  Buffer out = context_.buffers().borrow();
  const auto body_bytes = write_ready_response(out, keep, client_.request.is_head());
  auto sending = send_answer(std::move(out), 200, body_bytes, keep);
  co_return co_await sending;
}

// The request has been read to its end, so that the next one can follow.
bool Exchange::stays_after_answer() const {
  return !client_.streaming && !client_.in.empty() &&
         client_.in.size() >= client_.request.head_bytes() + client_.body.size() &&
         client_.request.keep_alive() && !context_.lets_go(client_.sender);
}

Task<Ending> Exchange::send_answer(Buffer out, unsigned status, std::size_t body_bytes, bool keep) {
  deadline_.disarm();
  // The request's own time may be over; the answer has its own.
  const RequestTimes times(client_.times.timeouts());
  auto& stream = client_.stream;
  WatchedDeadline deadline(context_.wheel(), stream);
  deadline.on_expiry([](void* client) { static_cast<MessageStream*>(client)->cancel(); }, &stream);
  const auto head_bytes = out.size() - body_bytes;
  const MessageStream::Part part{.head = out.view().substr(0, head_bytes),
                                 .content = out.view().substr(head_bytes),
                                 .last = true};
  stream.frame_content(Framing::length);
  auto sending = stream.send(part);
  if (!sending.done()) deadline.arm_sending(stream, times);
  const auto sent = co_await sending;
  if (!sent.ok()) co_return Ending::abort;
  client_.note.first_byte = now();
  client_.note.status = status;
  client_.note.bytes = body_bytes;
  if (!keep) co_return Ending::linger;
  client_.in.consume(client_.request.head_bytes() + client_.body.size());
  co_return Ending::keep;
}

}  // namespace tandem::master
