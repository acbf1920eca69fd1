// stream.hpp: one stream of a session: a request and its answer.
//
// A reference to a stream is good from the event that announced it (or from Session::open) until
// on_closed or Session::reset, whichever is first. Owner: its Session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"
#include "common/http1/field_names.hpp"
#include "master/forward/http/h2/error_code.hpp"
#include "master/forward/http/h2/head.hpp"
#include "master/forward/io/intrusive_list.hpp"

namespace tandem::master::h2 {

class Stream : public IntrusiveListMember<Stream> {
 public:
  StreamId id() const { return id_; }
  // Content that was given to Session::send_content and has not been taken by a pull.
  std::size_t unsent() const { return offered_.size(); }
  // The peer has sent all of its message.
  bool peer_has_ended() const { return peer_ended_; }
  // Content that arrived and was not told to Session::consume.
  std::size_t unconsumed() const { return unconsumed_; }

  // Of whoever serves the stream; the session does not look at it.
  void* user = nullptr;
  // Fields of these names are sent so that nobody puts them into a table (RFC 7541 §7.1.3); null:
  // there are none. Of whoever serves the stream, too.
  const FieldNames* never_indexed = nullptr;

 private:
  friend class Session;
  friend class SessionMemory;
  friend struct Receiving;
  friend struct Sending;

  void clear() {
    user = nullptr;
    never_indexed = nullptr;
    id_ = 0;
    head_.reset();
    offered_ = {};
    trailer_fields_.clear();
    trailer_text_.clear();
    unconsumed_ = 0;
    opened_turn_ = 0;
    announced_ = detached_ = head_received_ = peer_ended_ = false;
    head_sent_ = content_ended_ = trailers_wait_ = reset_by_peer_ = reset_by_us_ = false;
    malformed_ = counts_as_receiving_ = false;
  }

  StreamId id_ = 0;
  PooledHead head_;                    // that is being received
  std::string_view offered_;           // content to be sent; its owner's bytes
  std::vector<Field> trailer_fields_;  // kept until the content before them has been sent
  std::string trailer_text_;
  std::size_t unconsumed_ = 0;
  std::uint64_t opened_turn_ = 0;
  bool announced_ = false;      // its owner knows of it
  bool detached_ = false;       // its owner wants to hear no more of it
  bool head_received_ = false;  // the request's, or the final response's
  bool peer_ended_ = false;
  bool head_sent_ = false;
  bool content_ended_ = false;  // what is offered is the last of it
  bool trailers_wait_ = false;
  bool reset_by_peer_ = false;
  bool reset_by_us_ = false;
  bool malformed_ = false;  // by our rules, not by nghttp2's
  bool counts_as_receiving_ = false;
};

}  // namespace tandem::master::h2
