#include "master/forward/access_log/line.hpp"

#include <charconv>

#include "common/base/printable.hpp"

namespace tandem::master {

namespace {

constexpr char digits[] = "0123456789abcdef";

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_escape(std::string& out, unsigned char c) {
  out += "\\u00";
  out += digits[c >> 4];
  out += digits[c & 15];
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void append_padded(std::string& out, std::int64_t below_1000) {
  const char text[] = {static_cast<char>('0' + below_1000 / 100),
                       static_cast<char>('0' + below_1000 / 10 % 10),
                       static_cast<char>('0' + below_1000 % 10)};
  out.append(text, sizeof text);
}

void append_text_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    append_json_text(out, text);
  }
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text[0]);
    std::size_t taken = 1;
    if (c == '"' || c == '\\') {
      (out += '\\') += text[0];
    } else if (c < 0x80) {
      append_escape(out, c);
    } else if (taken = utf8_character_bytes(text); taken == 0) {
      append_escape(out, c);
      taken = 1;
    } else if (c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
      append_escape(out,
                    static_cast<unsigned char>(text[1]));  // U+0080 to U+009F control terminals
    } else {
      out.append(text, 0, taken);
    }
    text.remove_prefix(taken);
  }
  out += '"';
}

namespace {

std::string_view protocol_name(unsigned version) {
  switch (version) {
    case 10: return "HTTP/1.0";
    case 11: return "HTTP/1.1";
    case 20: return "HTTP/2";
    default: return {};
  }
}

}  // namespace

void AccessLineFormat::append_time(std::string& out, std::int64_t unix_us) {
  const auto second = static_cast<std::time_t>(unix_us / 1'000'000);
  if (second != second_) {
    std::tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(text_, sizeof text_, "%Y-%m-%dT%H:%M:%S.", &parts);
    second_ = second;
  }
  out += text_;
  append_padded(out, unix_us / 1000 % 1000);
  out += 'Z';
}

void AccessLineFormat::append(std::string& out, const AccessEntry& entry, std::int64_t unix_us) {
  out += R"({"time":")";
  append_time(out, unix_us);
  out += R"(","client":)";
  append_text_or_null(out, entry.client);
  out += R"(,"method":)";
  append_text_or_null(out, entry.method);
  out += R"(,"target":)";
  append_text_or_null(out, entry.target);
  if (entry.target_bytes > entry.target.size()) {
    out += R"(,"target_bytes":)";
    append_number(out, entry.target_bytes);
  }
  out += R"(,"protocol":)";
  append_text_or_null(out, protocol_name(entry.version));
  out += R"(,"status":)";
  append_number(out, entry.status);
  out += R"(,"bytes":)";
  append_number(out, entry.bytes);
  out += R"(,"duration_ms":)";
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(entry.duration).count();
  append_number(out, us / 1000);
  out += '.';
  append_padded(out, us % 1000);
  out += R"(,"worker":)";
  append_text_or_null(out, entry.worker);
  out += R"(,"attempts":)";
  append_number(out, entry.attempts);
  out += R"(,"request_id":)";
  append_text_or_null(out, entry.request_id);
  out += R"(,"term":)";
  if (entry.term == Term()) {
    out += "null";
  } else {
    append_number(out, entry.term.value());
  }
  out += R"(,"service":)";
  append_text_or_null(out, entry.service);
  out += "}\n";
}

}  // namespace tandem::master
