// session_fixture.hpp: a session and what it tells, for tests that are its peer byte by byte.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tests/gateway/h2_frames.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::test {

using namespace std::string_literals;
using master::Buffer;
using master::h2::Closure;
using master::h2::ErrorCode;
using master::h2::PooledHead;
using master::h2::Role;
using master::h2::Session;
using master::h2::SessionEvents;
using master::h2::SessionMemory;
using master::h2::Stream;
using master::h2::StreamId;

// The number as it stands in RST_STREAM and GOAWAY.
constexpr std::uint32_t code(ErrorCode code) { return static_cast<std::uint32_t>(code); }

// One line for each event, and the streams and heads that are there.
class Told : public SessionEvents {
 public:
  std::vector<std::string> lines;
  std::map<StreamId, Stream*> streams;
  std::map<StreamId, PooledHead> heads;
  std::map<StreamId, PooledHead> trailers;
  std::map<StreamId, Closure> closures;
  std::string content;  // of all streams
  bool consumes_at_once = false;
  Session* session = nullptr;

  bool has(std::string_view line) const {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }

 private:
  void on_head(Stream& stream, PooledHead head, bool ends) override {
    const auto id = stream.id();
    streams[id] = &stream;
    std::string text = head->status() != 0 ? fmt::format("head {} {}", id, head->status())
                                           : fmt::format("head {} {} {} {}", id, head->method(),
                                                         head->host(), head->path());
    if (head->is_refused()) text += fmt::format(" refused {}", head->refusal().status);
    lines.push_back(text + (ends ? " ends" : ""));
    heads[id] = std::move(head);
  }
  void on_interim(Stream& stream, PooledHead head) override {
    lines.push_back(fmt::format("interim {} {}", stream.id(), head->status()));
  }
  void on_content(Stream& stream, std::string_view bytes) override {
    content += bytes;
    lines.push_back(fmt::format("content {} {}", stream.id(), bytes.size()));
    if (consumes_at_once) session->consume(stream, bytes.size());
  }
  void on_trailers(Stream& stream, PooledHead head) override {
    lines.push_back(fmt::format("trailers {} {}", stream.id(), head->fields().size()));
    trailers[stream.id()] = std::move(head);
  }
  void on_end(Stream& stream) override { lines.push_back(fmt::format("end {}", stream.id())); }
  void on_sent(Stream& stream) override { lines.push_back(fmt::format("sent {}", stream.id())); }
  void on_closed(Stream& stream, const Closure& closure) override {
    lines.push_back(fmt::format("closed {} {}{}{}", stream.id(), code(closure.code),
                                closure.by_peer ? " by peer" : "",
                                closure.unprocessed ? " unprocessed" : ""));
    closures[stream.id()] = closure;
    streams.erase(stream.id());
  }
  void on_goaway(StreamId last, ErrorCode why) override {
    lines.push_back(fmt::format("goaway {} {}", last, code(why)));
  }
  void on_settings() override {}
  void on_ping_answered() override { lines.push_back("pong"); }
};

// A session, and what it has sent as frames.
class Side {
 public:
  explicit Side(Role role) : session(role, memory, told) { told.session = &session; }
  ~Side() { session.abandon(); }

  // Feeds the bytes as one turn, and takes what the session answers.
  void feed(std::string_view bytes) {
    session.feed(bytes, now);
    pull();
  }
  void pull() {
    do {
      out.clear();
      session.pull(out);
      sent_bytes.append(out.view());
    } while (!out.empty());
    for (auto& frame : h2::take_frames(sent_bytes)) sent.push_back(std::move(frame));
  }
  Stream& stream(StreamId id) { return *told.streams.at(id); }

  // The frames of a type that have been sent, to one stream or to all.
  std::vector<h2::Frame> frames(std::uint8_t type, StreamId id = -1) const {
    std::vector<h2::Frame> found;
    for (const auto& frame : sent) {
      if (frame.type == type && (id == -1 || frame.stream == id)) found.push_back(frame);
    }
    return found;
  }
  // The code by which a stream was reset; -1: it was not.
  std::int64_t reset_code(StreamId id) const {
    const auto resets = frames(h2::rst_stream_type, id);
    return resets.empty() ? std::int64_t{-1} : resets.front().number();
  }
  // The code of the last GOAWAY; -1: there is none.
  std::int64_t goaway_code() const {
    const auto goaways = frames(h2::goaway_type);
    return goaways.empty() ? std::int64_t{-1} : goaways.back().number(4);
  }

  SessionMemory memory;
  Told told;
  Session session;
  std::string sent_bytes;
  std::vector<h2::Frame> sent;
  Instant now{std::chrono::seconds(1)};
  Buffer out = [] {
    Buffer buffer;
    buffer.grow(64 * 1024);
    return buffer;
  }();
};

// A server whose client has sent its preface and settings, and has seen ours.
class Server : public Side {
 public:
  Server() : Side(Role::server) {
    feed(std::string(h2::preface) + h2::settings() + h2::settings_ack());
    first = std::exchange(sent, {});
  }
  // A GET of the stream, complete.
  void get(StreamId id, const h2::Fields& more = {}) {
    feed(h2::headers(id, h2::block(h2::get(more)), h2::end_stream));
  }
  std::vector<h2::Frame> first;  // what it sent by itself
};

// Two sessions that are each other's peer.
class Pair {
 public:
  Pair() { exchange(); }
  // Until neither has anything to say.
  void exchange() {
    for (bool moved = true; moved;) {
      const bool asked = move(client, server);
      const bool answered = move(server, client);
      moved = asked || answered;
    }
  }
  Stream& open(const master::h2::OutgoingRequest& request, bool last = true) {
    auto& stream = client.session.open(request, last);
    client.told.streams[stream.id()] = &stream;
    return stream;
  }

  Side server{Role::server};
  Side client{Role::client};

 private:
  static bool move(Side& from, Side& to) {
    from.out.clear();
    from.session.pull(from.out);
    if (from.out.empty()) return false;
    to.session.feed(from.out.view(), to.now);
    return true;
  }
};

}  // namespace tandem::test
