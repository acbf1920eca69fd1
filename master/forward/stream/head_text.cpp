#include "master/forward/stream/head_text.hpp"

#include <charconv>

#include "common/base/assert.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/stream/websocket.hpp"

namespace tandem::master {

namespace {

// Appends to a buffer that has the room.
class Text {
 public:
  Text(Buffer& out, std::size_t bytes_max) : out_(out) {
    if (out.free_size() < bytes_max) out.grow(out.size() + bytes_max);
  }
  Text& operator<<(std::string_view text) {
    out_.append(text);
    return *this;
  }
  Text& operator<<(std::uint64_t number) {
    char digits[20];
    const auto written = std::to_chars(digits, digits + sizeof digits, number);
    return *this << std::string_view(digits, static_cast<std::size_t>(written.ptr - digits));
  }

 private:
  Buffer& out_;
};

// What is written besides the fields themselves and the request's pseudo-fields.
constexpr std::size_t room_besides = 256;

std::size_t size_of(const std::vector<Field>& fields) {
  std::size_t size = 0;
  for (const auto& field : fields) size += field.name.size() + field.value.size() + 4;
  return size;
}

bool has_length(const std::vector<Field>& fields) {
  for (const auto& field : fields) {
    if (field.kind == FieldKind::content_length) return true;
  }
  return false;
}

// What an opening of a WebSocket says of its body and of keys means nothing (RFC 8441 §5).
bool has_no_meaning_in_opening(const Field& field) {
  return field.kind == FieldKind::content_length ||
         equal_ignoring_case(field.name, "sec-websocket-key") ||
         equal_ignoring_case(field.name, "sec-websocket-accept");
}

}  // namespace

void write_request_text(Buffer& out, const h2::Head& head, const KnownBody& body) {
  const auto& fields = head.fields();
  const auto target = head.is_connect() && head.protocol().empty() ? head.authority() : head.path();
  Text text(out, head.method().size() + target.size() + head.host().size() + size_of(fields) +
                     room_besides);
  const bool opens = !body.websocket_key.empty();
  text << (opens ? std::string_view("GET") : head.method()) << " " << target << " HTTP/1.1\r\n";
  if (head.names_host()) text << "Host: " << head.host() << "\r\n";
  for (const auto& field : fields) {
    if (field.kind == FieldKind::host || (opens && has_no_meaning_in_opening(field))) continue;
    text << field.name << ": " << field.value << "\r\n";
    if (field.kind == FieldKind::te && !opens) text << "Connection: TE\r\n";
  }
  if (opens) {
    text << "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " << body.websocket_key
         << "\r\n";
  } else if (!body.none && !has_length(fields)) {
    if (body.bytes) {
      text << "Content-Length: " << *body.bytes << "\r\n";
    } else {
      text << "Transfer-Encoding: chunked\r\n";
    }
  }
  text << "\r\n";
}

std::size_t response_text_bytes_max(const h2::Head& head) {
  return size_of(head.fields()) + room_besides;
}

void write_response_text(Buffer& out, const h2::Head& head, bool empty) {
  const auto& fields = head.fields();
  Text text(out, response_text_bytes_max(head));
  text << "HTTP/1.1 " << std::uint64_t{head.status()} << " \r\n";
  for (const auto& field : fields) text << field.name << ": " << field.value << "\r\n";
  const bool says_no_length = head.status() < 200 || head.status() == 204 || head.status() == 304;
  if (empty && !says_no_length && !has_length(fields)) text << "Content-Length: 0\r\n";
  text << "\r\n";
}

void write_websocket_opened(Buffer& out, const h2::Head& head, std::string_view accept) {
  const auto& fields = head.fields();
  Text text(out, size_of(fields) + accept.size() + room_besides);
  text << "HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
       << accept << "\r\n";
  for (const auto& field : fields) {
    if (field.kind == FieldKind::content_length || is_of_websocket_handshake(field)) continue;
    text << field.name << ": " << field.value << "\r\n";
  }
  text << "\r\n";
}

void write_trailer_lines(std::string& out, const h2::Head& trailers) {
  for (const auto& field : trailers.fields()) {
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

namespace {

// Up to the mark, which is taken as well. No head that was written has a part of one elsewhere: the
// first character of it is looked for alone, which costs a third.
std::string_view take_until(std::string_view& text, std::string_view mark) {
  const auto end = text.find(mark.front());
  TANDEM_ASSERT(end != text.npos && text.size() - end >= mark.size());
  const auto taken = text.substr(0, end);
  text.remove_prefix(end + mark.size());
  return taken;
}

void read_fields(std::string_view lines, WrittenHead& head) {
  for (auto line = take_until(lines, "\r\n"); !line.empty(); line = take_until(lines, "\r\n")) {
    const auto name = take_until(line, ": ");
    // An underscore makes it another name, and that is all that it means here.
    const Field field{kind_without_underscores(name), name, line};
    if (field.kind == FieldKind::host) {
      head.host = line;
    } else if (field.kind == FieldKind::upgrade) {
      head.upgrade = line;
    } else if (field.kind == FieldKind::te) {
      head.accepts_trailers = true;
    } else if (field.kind < FieldKind::connection || field.kind > FieldKind::upgrade) {
      head.fields.push_back(field);
    }
  }
}

}  // namespace

void read_written_request(std::string_view text, WrittenHead& head) {
  head.clear();
  head.method = take_until(text, " ");
  head.target = take_until(text, " ");
  take_until(text, "\r\n");
  read_fields(text, head);
}

void read_written_response(std::string_view text, WrittenHead& head) {
  head.clear();
  take_until(text, " ");
  const auto line = take_until(text, "\r\n");
  std::from_chars(line.data(), line.data() + line.size(), head.status);
  read_fields(text, head);
}

void read_lines(std::string_view lines, std::vector<Field>& fields) {
  fields.clear();
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end == lines.npos ? lines.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto name = line.substr(0, colon);
    fields.push_back({kind_of(name), name, trimmed(line.substr(colon + 1))});
  }
}

}  // namespace tandem::master
