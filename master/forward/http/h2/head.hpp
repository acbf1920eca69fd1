// head.hpp: a field block of HTTP/2 as facts: pseudo-fields apart, and fields in their order.
//
// Nothing is copied: names and values lie in the counted buffers of nghttp2's decoder, which a head
// keeps alive. Only cookies that came in several fields are written together (RFC 9113 §8.2.3).
// A head says what was sent, whether it is sound is asked of head_rules. One that is over a limit
// keeps its pseudo-fields and the fields that came before, and says so in refusal().
// Owner: one loop. Heads come from a SessionMemory, may outlive their session, and never that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http1/http_head.hpp"

struct nghttp2_rcbuf;

namespace tandem::master::h2 {

class Head {
 public:
  Head() = default;
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;
  ~Head() { clear(); }

  // Pseudo-fields (RFC 9113 §8.3, RFC 8441 §4); empty when they were not sent.
  std::string_view method() const { return method_; }
  std::string_view scheme() const { return scheme_; }
  std::string_view authority() const { return authority_; }
  std::string_view path() const { return path_; }
  std::string_view protocol() const { return protocol_; }
  unsigned status() const { return status_; }  // of a response, else 0

  // Without pseudo-fields, in lower case, and with at most one cookie.
  const std::vector<Field>& fields() const { return fields_; }
  // What Content-Length says, once it has been read by nghttp2, which takes one number alone.
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  // What the client asked for: :authority, or Host when there is none.
  std::string_view host() const { return host_; }
  bool names_host() const { return names_host_; }
  // Names of fields, pseudo-fields among them, that came as never to be indexed (RFC 7541 §7.1.3).
  const std::vector<std::string_view>& never_indexed() const { return never_indexed_; }
  bool is_connect() const { return method_ == "CONNECT"; }
  bool is_head() const { return method_ == "HEAD"; }

  // A status below 400: the head can be used. Otherwise it is sound, but is to be answered so.
  const Refusal& refusal() const { return refusal_; }
  bool is_refused() const { return refusal_.status >= 400; }

  // ---- for the session
  struct Limits {
    std::size_t bytes;
    std::size_t fields;
  };
  enum class Verdict { accepted, hostile };
  enum class Indexing { allowed, never };
  Verdict take(nghttp2_rcbuf* name, nghttp2_rcbuf* value, Indexing indexing, const Limits& limits);
  // All fields were taken.
  void finish();
  // They came as trailers: without those that must not come so late (RFC 9110 §6.5.1).
  void keep_trailers();
  void clear();
  void refuse(unsigned status, const char* code, const char* message) {
    refusal_ = {status, code, message};
  }

 private:
  void take_pseudo(std::string_view name, std::string_view value);
  void take_field(std::string_view name, std::string_view value);
  void join_cookies();

  std::vector<nghttp2_rcbuf*> held_;
  std::vector<Field> fields_;
  std::vector<std::string_view> never_indexed_;
  std::string_view method_, scheme_, authority_, path_, protocol_, host_;
  std::string cookies_;
  std::optional<std::uint64_t> content_length_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
  std::size_t cookie_fields_ = 0;    // that were kept
  std::size_t further_cookies_ = 0;  // behind the first, kept or not
  unsigned status_ = 0;
  bool names_host_ = false;
  Refusal refusal_{0, "", ""};
};

class SessionMemory;

// Gives a head back to the loop's pool.
struct GiveBackHead {
  SessionMemory* memory = nullptr;
  void operator()(Head* head) const;
};
using PooledHead = std::unique_ptr<Head, GiveBackHead>;

}  // namespace tandem::master::h2
