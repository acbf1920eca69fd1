#include "master/forward/access_log/line.hpp"

#include <charconv>

#include "common/base/json_text.hpp"

namespace tandem::master {

namespace {

constexpr char digits[] = "0123456789ABCDEF";

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_hex(std::string& out, unsigned char c) {
  out += "\\x";
  out += digits[c >> 4];
  out += digits[c & 15];
}

// As nginx escapes what is in its logs.
void append_combined_text(std::string& out, std::string_view text) {
  if (text.empty()) out += '-';
  for (const char character : text) {
    const auto c = static_cast<unsigned char>(character);
    is_plain(c) ? void(out += character) : append_hex(out, c);
  }
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

void append_milliseconds(std::string& out, Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  append_number(out, us / 1000);
  out += '.';
  append_padded(out, us % 1000);
}

void append_text_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    append_json_text(out, text);
  }
}

}  // namespace

std::string_view protocol_name(unsigned version) {
  switch (version) {
    case 10: return "HTTP/1.0";
    case 11: return "HTTP/1.1";
    case 20: return "HTTP/2";
    default: return {};
  }
}

void AccessLineFormat::append_time(std::string& out, const char* form, std::int64_t unix_us) {
  const auto second = static_cast<std::time_t>(unix_us / 1'000'000);
  if (second != second_) {
    std::tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(text_, sizeof text_, form, &parts);
    second_ = second;
  }
  out += text_;
}

void AccessLineFormat::append(std::string& out, const AccessEntry& entry, std::int64_t unix_us) {
  if (format_ == AccessFormat::json) {
    append_json(out, entry, unix_us);
  } else {
    append_combined(out, entry, unix_us);
  }
}

void AccessLineFormat::append_json(std::string& out, const AccessEntry& entry,
                                   std::int64_t unix_us) {
  char before = '{';
  for (const auto field : fields_.in_order()) {
    out += before;
    out += '"';
    out += name_of(field);
    out += R"(":)";
    append_member(out, field, entry, unix_us);
    before = ',';
  }
  out += "}\n";
}

void AccessLineFormat::append_member(std::string& out, AccessField field, const AccessEntry& entry,
                                     std::int64_t unix_us) {
  switch (field) {
    case AccessField::time:
      out += '"';
      append_time(out, "%Y-%m-%dT%H:%M:%S.", unix_us);
      append_padded(out, unix_us / 1000 % 1000);
      out += "Z\"";
      return;
    case AccessField::client: return append_text_or_null(out, entry.client);
    case AccessField::method: return append_text_or_null(out, entry.method);
    case AccessField::target:
      append_text_or_null(out, entry.target);
      if (entry.target_bytes <= entry.target.size()) return;
      out += R"(,"target_bytes":)";
      return append_number(out, entry.target_bytes);
    case AccessField::protocol: return append_text_or_null(out, protocol_name(entry.version));
    case AccessField::status: return append_number(out, entry.status);
    case AccessField::bytes: return append_number(out, entry.bytes);
    case AccessField::duration_ms: return append_milliseconds(out, entry.duration);
    case AccessField::worker: return append_text_or_null(out, entry.worker);
    case AccessField::attempts: return append_number(out, entry.attempts);
    case AccessField::request_id: return append_text_or_null(out, entry.request_id);
    case AccessField::term:
      if (entry.term == Term()) {
        out += "null";
      } else {
        append_number(out, entry.term.value());
      }
      return;
    case AccessField::service: return append_text_or_null(out, entry.service);
    case AccessField::host: return append_text_or_null(out, entry.host);
    case AccessField::user_agent: return append_text_or_null(out, entry.user_agent);
    case AccessField::referer: return append_text_or_null(out, entry.referer);
    case AccessField::tls: return append_text_or_null(out, entry.tls);
    case AccessField::route: return append_text_or_null(out, entry.route);
    case AccessField::first_byte_ms:
      if (entry.first_byte == Duration()) {
        out += "null";
      } else {
        append_milliseconds(out, entry.first_byte);
      }
      return;
    case AccessField::request_bytes: return append_number(out, entry.request_bytes);
    case AccessField::trace_id: return append_text_or_null(out, entry.trace_id);
  }
}

void AccessLineFormat::append_combined(std::string& out, const AccessEntry& entry,
                                       std::int64_t unix_us) {
  append_combined_text(out, entry.client);
  out += " - - [";
  append_time(out, "%d/%b/%Y:%H:%M:%S +0000", unix_us);
  out += "] \"";
  append_combined_text(out, entry.method);
  if (!entry.target.empty()) {
    out += ' ';
    append_combined_text(out, entry.target);
  }
  if (const auto protocol = protocol_name(entry.version); !protocol.empty()) {
    (out += ' ') += protocol;
  }
  out += "\" ";
  append_number(out, entry.status);
  out += ' ';
  append_number(out, entry.bytes);
  out += " \"";
  append_combined_text(out, entry.referer);
  out += "\" \"";
  append_combined_text(out, entry.user_agent);
  out += "\"\n";
}

}  // namespace tandem::master
