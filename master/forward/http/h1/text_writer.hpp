// text_writer.hpp: writes a head as HTTP/1.1 text into a buffer in which room was made before, so
// that no piece needs a check. Pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "common/base/assert.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/io/buffer.hpp"

namespace tandem::master {

class TextWriter {
 public:
  TextWriter(Buffer& out, std::size_t bytes_max) : out_(out) {
    if (out.free_size() < bytes_max) out.grow(out.size() + bytes_max);
    place_ = out.free_begin();
  }
  ~TextWriter() {
    TANDEM_ASSERT(run_.empty());
    out_.commit(static_cast<std::size_t>(place_ - out_.free_begin()));
  }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& operator<<(std::string_view text) {
    place_ += text.copy(place_, text.size());
    return *this;
  }
  TextWriter& operator<<(std::uint64_t number) {
    place_ = std::to_chars(place_, place_ + 20, number).ptr;
    return *this;
  }

  // ---- as FieldsWriter
  void begin_request(std::string_view method, std::string_view before_target,
                     std::string_view target, std::string_view host) {
    *this << method << " " << before_target << target << " HTTP/1.1\r\nHost: " << host << "\r\n";
  }
  void begin_response(unsigned status, std::string_view reason) {
    *this << "HTTP/1.1 " << std::uint64_t{status} << " " << reason << "\r\n";
  }
  // A field as it came. Most lie in the buffer one after the other as they are to be written: these
  // are gathered, and written in one piece with the next that does not.
  void field(const Field& field) {
    if (!lies_as_written(field)) return own(field.kind, field.name, field.value);
    const std::string_view line(field.name.data(), field.name.size() + field.value.size() + 4);
    if (run_.data() + run_.size() != line.data()) {
      end_fields();
      run_ = line;
    } else {
      run_ = {run_.data(), run_.size() + line.size()};
    }
  }
  // One of ours, of pieces that are text or numbers.
  template <class... Piece>
  void own(FieldKind kind, std::string_view name, const Piece&... pieces) {
    begin_own(kind, name);
    (*this << ... << pieces);
    end_own();
  }
  // The same, written piece by piece between the two.
  void begin_own(FieldKind, std::string_view name) {
    end_fields();
    *this << name << ": ";
  }
  void end_own() { *this << "\r\n"; }
  void end_request(std::string_view upgrade, bool accepts_trailers) {
    if (!upgrade.empty()) {
      write_upgrade(upgrade);
    } else if (accepts_trailers) {
      *this << "Connection: TE\r\nTE: trailers\r\n";
    }
    end_head();
  }
  // `connection`: what the client is told of its connection; empty: nothing.
  void end_response(std::string_view upgrade, std::string_view connection) {
    if (!upgrade.empty()) {
      write_upgrade(upgrade);
    } else if (!connection.empty()) {
      own(FieldKind::connection, "Connection", connection);
    }
    end_head();
  }
  void end_head() {
    end_fields();
    *this << "\r\n";
  }

 private:
  void end_fields() { *this << std::exchange(run_, {}); }
  void write_upgrade(std::string_view upgrade) {
    end_fields();
    *this << "Connection: upgrade\r\nUpgrade: " << upgrade << "\r\n";
  }
  // The line is "name: value", with one space and nothing behind it. The bytes around the views
  // belong to the head.
  static bool lies_as_written(const Field& field) {
    const char* const behind_name = field.name.data() + field.name.size();
    return field.value.data() == behind_name + 2 && behind_name[1] == ' ' &&
           field.value.data()[field.value.size()] == '\r';
  }

  Buffer& out_;
  char* place_;
  std::string_view run_;
};

}  // namespace tandem::master
