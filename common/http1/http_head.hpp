// http_head.hpp: the head of a message (RFC 9112 §2.1): start line and fields, parsed where they
// lie.
//
// Ordinary heads are read by quick_head. For others, start_line reads the first line, and the
// grammar of Boost.Beast's basic_parser the fields (http_head_grammar.cpp). Things that they accept
// and a gateway must not (unknown transfer codings, Transfer-Encoding in HTTP/1.0, a missing or
// repeated Host) are refused here. Nothing is copied, except an Upgrade in several lines: views
// point into the parsed buffer and are valid while its bytes do not move. Owner: one exchange on
// one loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"
#include "common/http1/field_kind.hpp"

namespace tandem {

struct Field {
  FieldKind kind = FieldKind::other;
  std::string_view name;
  std::string_view value;  // without surrounding white space
};

// How the body's end is found (RFC 9112 §6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

enum class HeadStatus {
  incomplete,  // more bytes are needed
  complete,
  refused,  // see refusal()
};

// Why a message cannot be forwarded: the status to answer and a sentence.
struct Refusal {
  unsigned status = 400;
  const char* code = "bad_request";
  const char* message = "";
};

struct QuickHead;

// What requests and responses share.
class MessageHead {
 public:
  // Fields in the order of arrival.
  const std::vector<Field>& fields() const { return fields_; }
  Framing framing() const { return framing_; }
  // A Content-Length was sent; it may be 0, or describe the body that HEAD and 304 leave out.
  bool has_content_length() const { return has_content_length_; }
  // Bytes. Meaningful only if has_content_length().
  std::uint64_t content_length() const { return content_length_; }
  // The connection may carry another message after this one (RFC 9112 §9.3).
  bool keep_alive() const { return keep_alive_; }
  // 10 or 11; 20 for a head that came over HTTP/2.
  int version() const { return version_; }
  // Called when the text was written from a head that came over HTTP/2.
  void note_http2() { version_ = 20; }
  // Length of the head in bytes, including the empty line.
  std::size_t head_bytes() const { return head_bytes_; }
  const Refusal& refusal() const { return refusal_; }

  // True for a hop-by-hop field, which RFC 9110 §7.6.1 or Connection names, unless the gateway
  // itself relies on it.
  bool ends_here(const Field& field) const {
    return (field.kind >= FieldKind::connection && field.kind <= FieldKind::upgrade) ||
           (!connection_options_.empty() && is_named_by_connection(field));
  }
  // The protocols in Upgrade, in one line or several, if Connection names it; empty otherwise, and
  // for h2c, which would smuggle requests past this gateway.
  std::string_view upgrade() const { return upgrade_; }

 protected:
  void clear();
  void take(const QuickHead& head);
  template <class Length>  // an optional number of bytes
  void take_length(const Length& length) {
    has_content_length_ = length.has_value();
    content_length_ = length.value_or(0);
  }
  void note_connection_options(std::string_view value);
  void note_upgrade(std::string_view value);
  bool is_named_by_connection(const Field& field) const;

  std::vector<Field> fields_;
  std::vector<std::string_view> connection_options_;  // other than close, keep-alive, upgrade
  std::string_view upgrade_;
  std::string upgrade_lines_;  // several lines joined into one list
  std::uint64_t content_length_ = 0;
  std::size_t head_bytes_ = 0;
  std::size_t scanned_ = 0;  // bytes that were searched for the end of the head in vain
  Refusal refusal_;
  int version_ = 11;
  Framing framing_ = Framing::none;
  bool keep_alive_ = true;
  bool has_content_length_ = false;
  bool connection_upgrade_ = false;
  bool attempted_ = false;

  // False while the new bytes can contain neither the end of the head nor the excess of a first
  // line that is too long. Always true the first time.
  bool worth_parsing(std::string_view bytes);
};

class RequestHead : public MessageHead {
 public:
  // Parses the head at the start of `bytes`, which is everything that has arrived of the message so
  // far. After `incomplete`, call it again with more bytes; call clear() first if the bytes have
  // moved.
  HeadStatus parse(std::string_view bytes);
  // The bytes of a complete head have moved to the start of `bytes`: sets all views anew.
  void parse_moved(std::string_view bytes);
  void clear();

  std::string_view method() const { return method_; }
  // The target as sent, but without scheme and authority of an absolute-form (then host() is the
  // authority).
  std::string_view target() const { return target_; }
  // The complete target as sent; empty when the first line could not be read.
  std::string_view sent_target() const { return sent_target_; }
  // The host the client asked for; may be empty.
  std::string_view host() const { return host_; }
  // False only for HTTP/1.0.
  bool names_host() const { return host_fields_ > 0 || !host_.empty(); }
  bool expects_continue() const { return expects_continue_; }
  bool accepts_trailers() const { return accepts_trailers_; }
  bool is_head() const { return method_ == "HEAD"; }
  // Max-Forwards of TRACE or OPTIONS; nothing for other methods.
  std::optional<std::uint32_t> max_forwards() const { return max_forwards_; }
  bool has_via() const { return has_via_; }
  // The request has a Tandem-Pass field: another master has passed it on, or claims to have.
  bool has_pass() const { return has_pass_; }
  std::string_view pass() const { return pass_; }
  // The master that has passed it on keeps the body back until it is told to continue, though its
  // client did not ask for that (Tandem-Expect).
  bool is_held_back() const { return held_back_; }
  // Tandem-Timeout-Ms: how long the client is willing to wait for the whole answer; 0: not given.
  Duration timeout() const { return timeout_; }
  // There is exactly one traceparent and it is valid: it may be passed on, and tracestate with it
  // unless that is malformed.
  bool has_trace_context() const { return traceparents_ == 1 && traceparent_valid_; }
  bool has_tracestate() const { return has_trace_context() && has_tracestate_; }
  // REQUIRES: has_trace_context()
  std::string_view traceparent() const { return traceparent_; }
  // The client's X-Request-Id if it is usable; otherwise empty.
  std::string_view request_id() const { return request_id_; }

 private:
  HeadStatus refuse(unsigned status, const char* code, const char* message);
  HeadStatus parse_carefully(std::string_view bytes);
  bool take_target();
  HeadStatus take_fields();
  bool take_expectations(std::string_view value);
  bool take_max_forwards(std::string_view value);
  HeadStatus refuse_coding(std::string_view value);
  HeadStatus take_tandem_field(const Field& field);
  bool is_tracestate_sound() const;

  std::string_view method_;
  std::string_view target_;
  std::string_view sent_target_;
  std::string_view host_;
  std::string_view request_id_;
  std::string_view pass_;
  std::optional<std::uint32_t> max_forwards_;
  Duration timeout_{0};
  unsigned host_fields_ = 0;
  unsigned traceparents_ = 0;
  std::string_view traceparent_;  // the last one
  bool traceparent_valid_ = false;
  bool has_tracestate_ = false;  // and all of it is sound
  bool has_via_ = false;
  bool has_pass_ = false;
  bool expects_continue_ = false;
  bool held_back_ = false;
  bool accepts_trailers_ = false;
};

class ResponseHead : public MessageHead {
 public:
  // `to_head`: the response answers a HEAD request and has no body whatever its fields say.
  HeadStatus parse(std::string_view bytes, bool to_head);
  void clear();

  unsigned status() const { return status_; }
  std::string_view reason() const { return reason_; }
  bool is_interim() const { return status_ >= 100 && status_ < 200 && status_ != 101; }

 private:
  HeadStatus parse_carefully(std::string_view bytes, bool to_head);

  unsigned status_ = 0;
  std::string_view reason_;
};

}  // namespace tandem
