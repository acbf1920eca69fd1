#include "worker/src/response_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/limits.hpp"
#include "common/http1/field_text.hpp"
#include "common/wire/error_document.hpp"

namespace tandem {

namespace {

constexpr std::string_view connection_close = "Connection: close\r\n";
// Written by cpp-httplib when a handler declines an expectation; it then continues nevertheless.
constexpr std::string_view declined = "HTTP/1.1 417 Expectation Failed\r\n\r\n";

const char* reason_of(unsigned status) {
  switch (status) {
    case 400: return "Bad Request";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

bool says_close(const MessageHead& head) {
  return std::any_of(head.fields().begin(), head.fields().end(), [](const Field& field) {
    return field.kind == FieldKind::connection && lists(field.value, "close");
  });
}

// RFC 9110 §8.6: a 204 has no Content-Length, but cpp-httplib sends 0.
void remove_lengths(std::string& head) {
  constexpr std::string_view name = "\r\nContent-Length:";
  for (auto at = head.find(name); at != head.npos; at = head.find(name)) {
    head.erase(at, head.find("\r\n", at + 2) - at);
  }
}

}  // namespace

void ResponseWriter::begin(bool to_head, bool closes) {
  state_ = State::head;
  to_head_ = to_head;
  closes_ = closes;
  broken_ = misleads_ = false;
  held_.clear();
}

bool ResponseWriter::send_continue() { return io_.send("HTTP/1.1 100 Continue\r\n\r\n"); }

bool ResponseWriter::refuse(const Refusal& refusal) {
  TANDEM_ASSERT(!started());
  const auto body = wire::error_document(refusal.code, refusal.message);
  const auto head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}{}\r\n",
      refusal.status, reason_of(refusal.status), body.size(),
      refusal.status == 503 ? "Retry-After: 1\r\n" : "", closes_ ? connection_close : "");
  state_ = State::done;
  broken_ = !io_.send(head, to_head_ ? std::string_view() : body);
  return !broken_;
}

bool ResponseWriter::write(std::string_view bytes) {
  switch (state_) {
    case State::head: return write_head(bytes);
    case State::body: return write_body(bytes);
    case State::done: return true;  // dropped, since another answer was sent
  }
  assertion_failed("a known state", __FILE__, __LINE__);
}

bool ResponseWriter::write_head(std::string_view head) {
  if (head == declined) {
    closes_ = true;
    return refuse({417, "expectation_failed", "The service declines the expectation."});
  }
  head_.clear();
  const auto status = head_.parse(head, to_head_);
  if (status != HeadStatus::complete || head_.head_bytes() != head.size() || head_.status() < 200) {
    closes_ = true;
    return refuse({500, "bad_response", "The service's response is not well-formed HTTP/1.1."});
  }
  const bool said = says_close(head_);
  closes_ = closes_ || said || head_.framing() == Framing::until_close;
  held_ = head.substr(0, head.size() - 2);
  if (head_.status() == 204) remove_lengths(held_);
  if (closes_ && !said) held_ += connection_close;
  held_ += "\r\n";
  begin_body();
  if (state_ == State::body && head_.framing() == Framing::length &&
      held_.size() <= limits::buffer_bytes) {
    return true;
  }
  broken_ = !io_.send(held_);
  held_.clear();
  return !broken_;
}

void ResponseWriter::begin_body() {
  left_ = head_.framing() == Framing::length ? head_.content_length() : 0;
  state_ = head_.framing() == Framing::none ? State::done : State::body;
}

bool ResponseWriter::write_body(std::string_view bytes) {
  if (head_.framing() == Framing::length) {
    bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
    left_ -= bytes.size();
    if (left_ == 0) state_ = State::done;
  }
  broken_ = broken_ || !io_.send(held_, bytes);
  held_.clear();
  return !broken_;
}

bool ResponseWriter::finish(bool whole) {
  if (!held_.empty()) broken_ = broken_ || !io_.send(held_);
  held_.clear();
  if (broken_ || state_ == State::head) return false;
  if (state_ == State::done) return !closes_;
  misleads_ = head_.framing() == Framing::until_close && !whole;
  return whole && head_.framing() == Framing::chunked && !closes_;
}

}  // namespace tandem
