#include "common/base/json_text.hpp"

#include "common/base/printable.hpp"

namespace tandem {

namespace {

constexpr char digits[] = "0123456789abcdef";

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_escape(std::string& out, unsigned char c) {
  out += "\\u00";
  out += digits[c >> 4];
  out += digits[c & 15];
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

}  // namespace tandem
