// h2_request.hpp: one stream of a client's connection, from its head to the end of its exchange.
// Owner: the coroutine that serves it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/http1/field_text.hpp"
#include "master/forward/client/h2_connection.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/stream/head_text.hpp"
#include "master/forward/stream/websocket.hpp"

namespace tandem::master {

class H2Connection::Request final : public H2Stream, public IntrusiveListMember<Request> {
 public:
  Request(H2Connection& connection, h2::Stream& stream, bool ends)
      : H2Stream(connection), connection_(connection), woken(connection.context_.io()) {
    attach(stream);
    if (ends) note_end();
    connection_.requests_.push_front(*this);
  }
  ~Request() {
    connection_.requests_.remove(*this);
    if (connection_.requests_.empty()) connection_.fall_idle();
  }

  // The answer to a gRPC call breaks off: its client is told so as gRPC tells it, in trailers. An
  // answer that is not gRPC's would be ended as complete by them. False: nothing can be told.
  bool end_broken_call(GrpcStatus status) {
    const bool is_told = answer_is_open_ && answer_is_grpc_;
    if (stream_ == nullptr || !is_told || stream_->unsent() > 0) return false;
    const auto number = std::to_string(static_cast<unsigned>(status));
    const std::array fields{
        Field{FieldKind::other, "grpc-status", number},
        Field{FieldKind::other, "grpc-message", "The answer broke off on its way."}};
    link().session().send_trailers(*stream_, fields);
    link().want_send();
    return true;
  }

  // A client that asked to be told when to send its content (Expect: 100-continue) has not been
  // told, and has not sent any.
  bool holds_content() const { return !told_to_continue_ && !has_content_; }
  void note_content() { has_content_ = true; }

  using H2Stream::note_never_indexed;

  // It opens a WebSocket.
  void open_websocket() { websocket_key_ = make_websocket_key(); }
  bool is_websocket() const { return websocket_key_.has_value(); }
  KnownBody known_body(bool none) const {
    KnownBody body{.none = none};
    if (websocket_key_) body.websocket_key = {websocket_key_->data(), websocket_key_->size()};
    if (has_ended() && trailers().empty()) body.bytes = arrived().size();
    return body;
  }

 private:
  H2Connection& connection_;
  bool answer_is_open_ = false;  // its head has been sent, and its end has not
  bool answer_is_grpc_ = false;
  bool told_to_continue_ = false;
  bool has_content_ = false;

  void read_text(std::string_view text, WrittenHead& head) const override {
    read_written_response(text, head);
  }
  bool submit_head(WrittenHead& response, bool last) override {
    if (stream_ == nullptr) return false;
    auto& session = link().session();
    if (response.is_interim()) {
      told_to_continue_ = told_to_continue_ || response.status == 100;
      session.send_interim(*stream_, response.status, response.fields);
    } else if (websocket_key_ && response.status == 101 && !is_proven(response)) {
      session.send_head(*stream_, 502, {}, /*last=*/true);
      return false;
    } else if (websocket_key_) {
      std::erase_if(response.fields, is_of_websocket_handshake);
      session.send_head(*stream_, status_of_opening(response.status), response.fields, last);
    } else {
      session.send_head(*stream_, response.status, response.fields, last);
      answer_is_open_ = !last;
      answer_is_grpc_ = has_grpc_type(response.fields);
    }
    return true;
  }

  bool is_proven(const WrittenHead& response) const {
    const auto& fields = response.fields;
    return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      return equal_ignoring_case(field.name, "Sec-WebSocket-Accept") &&
             field.value == websocket_accept(*websocket_key_);
    });
  }
  // RFC 8441 §5: success is 200 and says nothing of keys. What opens no WebSocket is no success.
  static unsigned status_of_opening(unsigned status) {
    if (status == 101) return 200;
    return status < 300 ? 502 : status;
  }
  std::optional<WebSocketKey> websocket_key_;

 public:
  Exchange* exchange = nullptr;  // while one runs
  Wake woken;                    // what is awaited below has come, or the stream is closed
  bool awaits_pull = false;      // that what was submitted before is taken out of the session
};

}  // namespace tandem::master
