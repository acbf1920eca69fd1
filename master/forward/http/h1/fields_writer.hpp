// fields_writer.hpp: writes a head as fields, in place of TextWriter where no text is wanted.
// Values that are put together lie in a buffer in which room was made before; all others stay where
// they are. Fields that end at this hop are left out. Pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

#include "common/base/assert.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/http/written_head.hpp"
#include "master/forward/io/buffer.hpp"

namespace tandem::master {

class FieldsWriter {
 public:
  // The head is good as long as `out`, what it was written from, and the names given to own().
  FieldsWriter(WrittenHead& head, Buffer& out, std::size_t bytes_max) : head_(head), out_(out) {
    if (out.free_size() < bytes_max) out.grow(out.size() + bytes_max);
    place_ = out.free_begin();
    head_.clear();
  }
  ~FieldsWriter() { out_.commit(static_cast<std::size_t>(place_ - out_.free_begin())); }
  FieldsWriter(const FieldsWriter&) = delete;
  FieldsWriter& operator=(const FieldsWriter&) = delete;

  FieldsWriter& operator<<(std::string_view text) {
    place_ += text.copy(place_, text.size());
    return *this;
  }
  FieldsWriter& operator<<(std::uint64_t number) {
    place_ = std::to_chars(place_, place_ + 20, number).ptr;
    return *this;
  }

  void begin_request(std::string_view method, std::string_view before_target,
                     std::string_view target, std::string_view host) {
    head_.method = method;
    head_.target = before_target.empty() ? target : joined(before_target, target);
    head_.host = host;
  }
  void begin_response(unsigned status, std::string_view) { head_.status = status; }
  void field(const Field& field) { add(field.kind, field.name, field.value); }
  void own(FieldKind kind, std::string_view name, std::string_view value) {
    add(kind, name, value);
  }
  template <class... Piece>
  void own(FieldKind kind, std::string_view name, const Piece&... pieces) {
    begin_own(kind, name);
    (*this << ... << pieces);
    end_own();
  }
  void begin_own(FieldKind kind, std::string_view name) {
    kind_ = kind;
    name_ = name;
    value_ = place_;
  }
  void end_own() { add(kind_, name_, {value_, static_cast<std::size_t>(place_ - value_)}); }
  void end_request(std::string_view upgrade, bool accepts_trailers) {
    head_.upgrade = upgrade;
    head_.accepts_trailers = upgrade.empty() && accepts_trailers;
  }
  void end_response(std::string_view upgrade, std::string_view) { head_.upgrade = upgrade; }

 private:
  void add(FieldKind kind, std::string_view name, std::string_view value) {
    if (kind >= FieldKind::connection && kind <= FieldKind::upgrade) return;
    head_.fields.push_back({kind, name, value});
  }
  std::string_view joined(std::string_view first, std::string_view second) {
    const auto* const start = place_;
    *this << first << second;
    return {start, first.size() + second.size()};
  }

  WrittenHead& head_;
  Buffer& out_;
  char* place_;
  FieldKind kind_ = FieldKind::other;
  std::string_view name_;
  const char* value_ = nullptr;
};

}  // namespace tandem::master
