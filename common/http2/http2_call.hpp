// http2_call.hpp: one request over a connection of HTTP/2 that is there for it alone, and its
// answer: a health check, or a word to a worker. By prior knowledge (RFC 9113 §3.3).
//
// nghttp2 does framing and HPACK. What a server sends is limited (limits.hpp); how long it may take
// is the caller's affair. Its window is never widened, and push is switched off.
//
// Owner: one call. Always: the answer is complete when end() is `answered`; with `head_only` that
// is when its head has come.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/conversation.hpp"

struct nghttp2_session;

namespace tandem {

struct Http2Request {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> fields{};  // names in small letters
  std::string body{};
  std::string authority{};  // empty: the address that is connected to
  bool head_only = false;   // the answer's head is all that is wanted
};

struct Http2Answer {
  using Fields = std::vector<std::pair<std::string, std::string>>;

  unsigned status = 0;
  Fields fields{};
  Fields trailers{};
  std::string body{};

  // The first of that name, in small letters; empty when there is none.
  std::string_view field(std::string_view name) const;
  std::string_view trailer(std::string_view name) const;
};

class Http2Call final : public Conversation {
 public:
  enum class End {
    open,  // it goes on
    answered,
    refused,    // the server has reset the stream, or takes none
    malformed,  // what came is not well-formed HTTP/2
    too_long,   // more came than an answer may have
  };

  explicit Http2Call(Http2Request request);
  ~Http2Call() override;
  Http2Call(const Http2Call&) = delete;
  Http2Call& operator=(const Http2Call&) = delete;

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override;
  void feed(std::string_view bytes) override;
  bool is_over() const override { return end_ != End::open; }

  End end() const { return end_; }
  const Http2Answer& answer() const { return answer_; }
  // Why there is no answer, in a few words; also when the connection has ended before one.
  std::string why() const;

 private:
  struct Events;  // nghttp2's calls

  void read(std::string_view bytes);
  // Of nghttp2's calls: whether it is to go on.
  int outcome() const;
  void finish(End end, std::string why = {});
  bool take_field(std::string_view name, std::string_view value);
  void take_head(bool ends);

  const Http2Request request_;
  nghttp2_session* session_ = nullptr;
  std::size_t sent_ = 0;  // of the request's body
  std::size_t received_ = 0;
  std::string beginning_;       // the first bytes that came
  Http2Answer::Fields fields_;  // of the block that is arriving
  unsigned status_ = 0;         // likewise; 0: trailers
  std::size_t fields_bytes_ = 0;
  Http2Answer answer_;
  End end_ = End::open;
  std::string why_;
};

}  // namespace tandem
