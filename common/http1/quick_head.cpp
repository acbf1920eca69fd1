#include "common/http1/quick_head.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>

#include "common/http1/field_kind.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"

namespace tandem {

namespace {

#ifdef __SSE2__

constexpr std::ptrdiff_t block = 16;  // bytes examined together; no head is shorter

// The first byte from `at` on that `find` reports, or `end`. `find` examines a block at once.
// REQUIRES: at least one block lies before `end`
template <class Find>
const char* skip_until(const char* at, const char* end, Find find) {
  const auto load = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  for (; end - at >= block; at += block) {
    if (const unsigned found = find(load(at))) return at + std::countr_zero(found);
  }
  // The rest is examined as the last part of the block that ends at `end`.
  const auto seen = static_cast<unsigned>(block - (end - at));
  const unsigned found = find(load(end - block)) >> seen;
  return found != 0 ? at + std::countr_zero(found) : end;
}

// A bit for each byte that is not 0xff.
unsigned not_set(__m128i bytes) {
  return static_cast<unsigned>(_mm_movemask_epi8(bytes)) ^ 0xffffu;
}

// The first character that is not visible ASCII, or `end`.
const char* skip_visible(const char* at, const char* end) {
  return skip_until(at, end, [](__m128i bytes) {
    // The comparison is signed: bytes beyond ASCII are below 0.
    const auto is_high = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' '));
    const auto is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return not_set(_mm_andnot_si128(is_del, is_high));
  });
}

// The first character that cannot be in a field's value, or `end`.
const char* skip_text(const char* at, const char* end) {
  return skip_until(at, end, [](__m128i bytes) {
    // A byte is text if it is not below the lowest text character.
    const auto is_high = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(' ')), bytes);
    const auto is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const auto text = _mm_andnot_si128(is_del, is_high);
    return not_set(_mm_or_si128(text, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'))));
  });
}

// The first character that is neither a letter nor a hyphen, or `end`.
const char* skip_letters(const char* at, const char* end) {
  return skip_until(at, end, [](__m128i bytes) {
    const auto letters = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    const auto is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letters, _mm_set1_epi8('z' - 'a')), letters);
    return not_set(_mm_or_si128(is_letter, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'))));
  });
}

#else

constexpr std::ptrdiff_t block = 1;

const char* skip_visible(const char* at, const char* end) {
  return std::find_if_not(at, end, [](char c) { return c > ' ' && c < 0x7f; });
}

const char* skip_text(const char* at, const char* end) {
  return std::find_if_not(at, end, is_field_character);
}

const char* skip_letters(const char* at, const char* end) {
  return std::find_if_not(
      at, end, [](char c) { return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-'; });
}

#endif

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

bool take(const char*& at, const char* end, char wanted) {
  if (at == end || *at != wanted) return false;
  ++at;
  return true;
}

bool take_line_end(const char*& at, const char* end) {
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return false;
  at += 2;
  return true;
}

bool take_version(const char*& at, const char* end, int& version) {
  constexpr std::string_view prefix = "HTTP/1.";
  if (!between(at, end).starts_with(prefix)) return false;
  at += prefix.size();
  if (at == end || *at < '0' || *at > '9') return false;
  version = *at++ == '0' ? 10 : 11;
  return true;
}

bool take_request_line(const char*& at, const char* end, QuickHead& head) {
  const char* const method = at;
  while (at != end && is_token_character(*at)) ++at;
  head.method = between(method, at);
  if (head.method.empty() || !take(at, end, ' ')) return false;
  const char* const target = at;
  at = skip_visible(at, end);
  head.target = between(target, at);
  return !head.target.empty() && head.target.size() <= limits::target_bytes_max &&
         take(at, end, ' ') && take_version(at, end, head.version) && take_line_end(at, end);
}

bool take_status_line(const char*& at, const char* end, QuickHead& head) {
  if (!take_version(at, end, head.version) || !take(at, end, ' ')) return false;
  for (int digit = 0; digit < 3; ++digit, ++at) {
    if (at == end || *at < '0' || *at > '9') return false;
    head.status = head.status * 10 + static_cast<unsigned>(*at - '0');
  }
  if (!take(at, end, ' ')) return false;
  const char* const reason = at;
  at = skip_text(at, end);
  head.reason = between(reason, at);
  return take_line_end(at, end);
}

bool take_field(const char*& at, const char* end, Field& field) {
  const char* const name = at;
  // Nearly all names consist of letters and hyphens; other characters are looked up in a table.
  const char* const letters_end = at = skip_letters(at, end);
  while (at != end && is_token_character(*at)) ++at;
  field.name = between(name, at);
  if (field.name.empty()) return false;
  field.kind = letters_end == at ? kind_without_underscores(field.name) : kind_of(field.name);
  if (!take(at, end, ':')) return false;
  while (at != end && (*at == ' ' || *at == '\t')) ++at;
  const char* const value = at;
  at = skip_text(at, end);
  const char* value_end = at;
  while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
  field.value = between(value, value_end);
  // A next line that begins with white space would continue the value.
  return take_line_end(at, end) && at != end && *at != ' ' && *at != '\t';
}

bool take_content_length(std::string_view value, QuickHead& head) {
  constexpr std::size_t digits_max = 18;  // no overflow
  if (head.has_content_length || value.empty() || value.size() > digits_max) return false;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
    head.content_length = head.content_length * 10 + static_cast<unsigned>(c - '0');
  }
  return head.has_content_length = true;
}

bool take_connection(std::string_view value, QuickHead& head) {
  if (head.says_close || head.says_keep_alive) return false;
  head.says_close = equal_ignoring_case(value, "close");
  head.says_keep_alive = !head.says_close && equal_ignoring_case(value, "keep-alive");
  return head.says_close || head.says_keep_alive;
}

bool take_meaning(const Field& field, QuickHead& head) {
  switch (field.kind) {
    case FieldKind::content_length: return take_content_length(field.value, head);
    case FieldKind::connection: return take_connection(field.value, head);
    case FieldKind::proxy_connection:
    case FieldKind::transfer_encoding:
    case FieldKind::upgrade: return false;
    default: return true;
  }
}

}  // namespace

bool read_quickly(std::string_view bytes, std::vector<Field>& fields, QuickHead& head,
                  bool is_request) {
  const char* at = bytes.data();
  const char* const end = at + std::min(bytes.size(), limits::header_bytes_max);
  if (end - at < block) return false;
  if (!(is_request ? take_request_line(at, end, head) : take_status_line(at, end, head))) {
    return false;
  }
  const auto fields_max = is_request ? limits::header_fields_max : limits::response_fields_max;
  while (!take_line_end(at, end)) {
    if (fields.size() == fields_max) return false;
    auto& field = fields.emplace_back();
    if (!take_field(at, end, field)) return false;
    if (!take_meaning(field, head)) return false;
  }
  head.bytes = static_cast<std::size_t>(at - bytes.data());
  return true;
}

}  // namespace tandem
