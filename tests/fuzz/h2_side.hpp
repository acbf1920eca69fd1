// h2_side.hpp: a session whose peer is the fuzzer's input, and an owner of its streams that does
// this and that, as the input says.
//
// What must hold whatever the peer sends: the owner of a stream hears a head, then content, then
// trailers, then the end, and of each stream that it heard of it hears once that it is gone; heads
// that are told can be written as HTTP/1 without a further look; content is as long as it was said
// to be; memory is bounded and comes back; what is sent are frames.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/assert.hpp"
#include "master/forward/http/h2/limits.hpp"
#include "common/http1/field_text.hpp"
#include "input.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::fuzz {

namespace h2 = master::h2;

inline void must_be_safe(const h2::Head& head, bool is_trailer) {
  TANDEM_ASSERT(head.fields().size() <= limits::h2_response_fields_max);
  for (const auto& field : head.fields()) {
    TANDEM_ASSERT(!field.name.empty());
    for (const char c : field.name) TANDEM_ASSERT(is_token_character(c) && to_lower(c) == c);
    for (const char c : field.value) TANDEM_ASSERT(is_field_character(c));
    TANDEM_ASSERT(trimmed(field.value) == field.value);
    TANDEM_ASSERT(field.kind < FieldKind::connection || field.kind > FieldKind::upgrade ||
                  field.kind == FieldKind::te);
    TANDEM_ASSERT(field.kind != FieldKind::content_length || !is_trailer);
  }
  if (is_trailer || head.status() != 0) return;
  for (const auto part :
       {head.method(), head.scheme(), head.authority(), head.path(), head.protocol()}) {
    for (const char c : part) TANDEM_ASSERT(c > ' ' && c < 0x7f);
  }
  TANDEM_ASSERT(!head.method().empty());
  TANDEM_ASSERT(head.is_connect() || head.path() == "*" || head.path().starts_with('/'));
}

class Side : public h2::SessionEvents {
 public:
  Side(h2::Role role, std::string_view input)
      : cuts_(input), session_(role, memory_, *this), role_(role) {
    out_.grow(16 * 1024);
  }
  ~Side() {
    session_.abandon();
    TANDEM_ASSERT(streams_.empty());
  }

  void play(std::string_view input) {
    while (!input.empty() && !session_.is_finished()) {
      const auto bytes = cuts_.next(input.size());
      now_ = now_ + 1ms;
      if (role_ == h2::Role::client && cuts_.coin() && session_.can_open()) open();
      if (role_ == h2::Role::client && cuts_.coin()) ask();
      session_.feed(input.substr(0, bytes), now_);
      input.remove_prefix(bytes);
      if (cuts_.coin()) act_on_streams();
      if (cuts_.coin()) pull();
      if (streams_.empty() && cuts_.coin()) session_.give_back_memory();
      TANDEM_ASSERT(memory_.bytes_in_use() < 4 * 1024 * 1024);
    }
    if (cuts_.coin()) session_.begin_drain();
    if (cuts_.coin()) session_.finish_drain();
    pull();
  }
  void pull() {
    for (int i = 0; i < 10'000 && session_.has_output(); ++i) {
      out_.clear();
      session_.pull(out_);
      sent_.append(out_.view());
      if (out_.empty()) break;
    }
    must_be_frames();
  }
  void open() {
    const bool last = cuts_.coin();
    auto& stream =
        session_.open({.method = "GET", .scheme = "http", .authority = "a", .path = "/"}, last);
    streams_[&stream].sends = !last;
  }

 private:
  // Whether the peer is there.
  void ask() {
    const bool was_asked = session_.is_asked();
    if (cuts_.coin()) {
      session_.ping();
    } else {
      session_.ask_by_settings();
    }
    TANDEM_ASSERT(session_.is_asked() || (!was_asked && session_.has_failed()));
  }
  struct State {
    bool head = false, trailers = false, ended = false, answered = false, sends = false;
    bool sending = false;
    std::uint64_t content = 0;
    std::optional<std::uint64_t> length;
  };
  State& state(h2::Stream& stream) {
    const auto found = streams_.find(&stream);
    TANDEM_ASSERT(found != streams_.end());
    return found->second;
  }

  void on_head(h2::Stream& stream, h2::PooledHead head, bool ends) override {
    if (role_ == h2::Role::server) {
      TANDEM_ASSERT(streams_.emplace(&stream, State{}).second);
      TANDEM_ASSERT(head->status() == 0);
    }
    auto& known = state(stream);
    TANDEM_ASSERT(!known.head && !known.ended);
    known.head = true;
    known.ended = ends;
    if (!ends && !head->is_connect()) known.length = head->content_length();
    if (!head->is_refused()) must_be_safe(*head, false);
    if (cuts_.coin()) act(stream);
  }
  void on_interim(h2::Stream& stream, h2::PooledHead head) override {
    TANDEM_ASSERT(role_ == h2::Role::client && !state(stream).head);
    TANDEM_ASSERT(head->status() >= 100 && head->status() < 200);
  }
  void on_content(h2::Stream& stream, std::string_view bytes) override {
    auto& known = state(stream);
    TANDEM_ASSERT(known.head && !known.trailers && !known.ended && !bytes.empty());
    known.content += bytes.size();
    TANDEM_ASSERT(!known.length || known.content <= *known.length);
    TANDEM_ASSERT(stream.unconsumed() <= limits::h2_stream_window_bytes);
    if (cuts_.coin()) session_.consume(stream, stream.unconsumed());
  }
  void on_trailers(h2::Stream& stream, h2::PooledHead trailers) override {
    auto& known = state(stream);
    TANDEM_ASSERT(known.head && !known.trailers && !known.ended);
    known.trailers = true;
    must_be_safe(*trailers, true);
  }
  void on_end(h2::Stream& stream) override {
    auto& known = state(stream);
    TANDEM_ASSERT(known.head && !known.ended);
    known.ended = true;
  }
  void on_sent(h2::Stream& stream) override { state(stream).sending = false; }
  void on_closed(h2::Stream& stream, const h2::Closure& closure) override {
    const auto& known = state(stream);
    if (closure.code == h2::ErrorCode::no_error && !closure.by_peer) TANDEM_ASSERT(known.ended);
    TANDEM_ASSERT(streams_.erase(&stream) == 1);
  }
  void on_goaway(h2::StreamId, h2::ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  void act_on_streams() {
    // A stream may go while the others are looked at.
    for (auto next = streams_.begin(); next != streams_.end();) {
      auto& stream = *next->first;
      ++next;
      if (cuts_.coin()) act(stream);
    }
  }
  // Answers, sends more, or gives up.
  void act(h2::Stream& stream) {
    auto& known = state(stream);
    if (cuts_.next(20) == 20) {
      streams_.erase(&stream);
      return session_.reset(stream, h2::ErrorCode::cancel);
    }
    if (stream.unconsumed() > 0 && cuts_.coin()) session_.consume(stream, stream.unconsumed());
    if (role_ == h2::Role::server && !known.answered) {
      const bool last = cuts_.coin();
      if (cuts_.coin()) session_.send_interim(stream, 103, fields_);
      session_.send_head(stream, 200, fields_, last);
      known.answered = true;
      known.sends = !last;
      return;
    }
    if (!known.sends || known.sending) return;
    if (cuts_.coin()) {
      session_.send_trailers(stream, fields_);
      known.sends = false;
    } else {
      const bool last = cuts_.coin();
      session_.send_content(stream, content_, last);
      known.sends = !last;
      known.sending = !last;
    }
  }

  void must_be_frames() {
    std::string_view left = sent_;
    if (role_ == h2::Role::client && !preface_seen_ && left.size() >= h2::client_preface.size()) {
      TANDEM_ASSERT(left.starts_with(h2::client_preface));
      left.remove_prefix(h2::client_preface.size());
      preface_seen_ = true;
    }
    while (left.size() >= 9 && (preface_seen_ || role_ == h2::Role::server)) {
      const auto at = [&](int i) { return static_cast<std::size_t>(left[i] & 0xff); };
      const auto length = at(0) << 16 | at(1) << 8 | at(2);
      TANDEM_ASSERT(length <= 16'384 && at(3) <= 9);
      if (left.size() < 9 + length) break;
      left.remove_prefix(9 + length);
    }
    sent_.erase(0, sent_.size() - left.size());
  }

  Cuts cuts_;
  h2::SessionMemory memory_{0};  // nothing is used again, so that the sanitizers see all
  std::map<h2::Stream*, State> streams_;
  const std::string content_ = std::string(3'000, 'c');
  const std::vector<Field> fields_{{FieldKind::other, "X-A", "b"},
                                   {FieldKind::connection, "connection", "close"}};
  h2::Session session_;
  const h2::Role role_;
  Instant now_{std::chrono::seconds(1)};
  master::Buffer out_;
  std::string sent_;
  bool preface_seen_ = false;
};

}  // namespace tandem::fuzz
