#include "common/wire/flat_object.hpp"

namespace tandem::wire {

namespace {

// 19 digits always fit into 64 bits.
constexpr std::size_t digits_max = 19;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

bool FlatObject::give_up() {
  state_ = State::unusual;
  return false;
}

void FlatObject::skip_space() {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
}

bool FlatObject::take(char expected) {
  skip_space();
  if (rest_.empty() || rest_.front() != expected) return false;
  rest_.remove_prefix(1);
  return true;
}

bool FlatObject::take_word(std::string_view word) {
  if (!rest_.starts_with(word)) return false;
  rest_.remove_prefix(word.size());
  return true;
}

bool FlatObject::take_text(std::string_view& text) {
  if (!take('"')) return false;
  std::size_t length = 0;
  for (; length < rest_.size() && rest_[length] != '"'; ++length) {
    const char c = rest_[length];
    if (c < 0x20 || c > 0x7e || c == '\\') return false;
  }
  if (length == rest_.size()) return false;
  text = rest_.substr(0, length);
  rest_.remove_prefix(length + 1);
  return true;
}

bool FlatObject::take_number(std::uint64_t& number) {
  std::size_t digits = 0;
  number = 0;
  for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
    if (digits == digits_max) return false;
    number = number * 10 + static_cast<std::uint64_t>(rest_[digits] - '0');
  }
  if (digits == 0 || (digits > 1 && rest_.front() == '0')) return false;
  rest_.remove_prefix(digits);
  // What follows a number ends it: a fraction and an exponent are not plain.
  return !rest_.empty() &&
         (is_space(rest_.front()) || rest_.front() == ',' || rest_.front() == '}');
}

bool FlatObject::take_value(FlatMember& member) {
  skip_space();
  if (rest_.empty()) return false;
  switch (rest_.front()) {
    case '"': member.kind = FlatMember::Kind::text; return take_text(member.text);
    case 't':
    case 'f':
      member.kind = FlatMember::Kind::truth;
      member.truth = rest_.front() == 't';
      return take_word(member.truth ? "true" : "false");
    default: member.kind = FlatMember::Kind::number; return take_number(member.number);
  }
}

bool FlatObject::end() {
  skip_space();
  state_ = rest_.empty() ? State::ended : State::unusual;
  return false;
}

bool FlatObject::next(FlatMember& member) {
  switch (state_) {
    case State::ended:
    case State::unusual: return false;
    case State::before:
      if (!take('{')) return give_up();
      if (take('}')) return end();
      state_ = State::inside;
      break;
    case State::inside:
      if (take('}')) return end();
      if (!take(',')) return give_up();
      break;
  }
  if (!take_text(member.key) || !take(':') || !take_value(member)) return give_up();
  return true;
}

}  // namespace tandem::wire
