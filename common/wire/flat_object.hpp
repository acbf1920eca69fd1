// flat_object.hpp: reads JSON objects of the plainest form, member by member, and builds nothing.
//
// Plain is what programs write that tell a few facts again and again: one object of texts without
// escapes, whole numbers and truth values. Everything else (escapes, nested values, null,
// fractions, signs, characters beyond ASCII, text behind the object) is left to the reader of whole
// documents (json_reader.hpp), which decides what it is. So this reader can only be wrong by
// reading something differently: tests/unit/common/flat_object_test.cpp compares the two.
//
// Pure; the views point into the text.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::wire {

struct FlatMember {
  enum class Kind : std::uint8_t { text, number, truth };
  Kind kind = Kind::text;
  std::string_view key;
  std::string_view text;
  std::uint64_t number = 0;
  bool truth = false;
};

class FlatObject {
 public:
  explicit FlatObject(std::string_view text) : rest_(text) {}

  // The next member; false at the end of the object, and of what is plain.
  bool next(FlatMember& member);
  // After the last member: the whole text was a plain object. Its members may repeat each other.
  bool is_plain() const { return state_ == State::ended; }

 private:
  enum class State : std::uint8_t { before, inside, ended, unusual };

  bool give_up();
  void skip_space();
  bool take(char expected);
  bool take_word(std::string_view word);
  bool take_text(std::string_view& text);
  bool take_number(std::uint64_t& number);
  bool take_value(FlatMember& member);
  bool end();

  std::string_view rest_;
  State state_ = State::before;
};

}  // namespace tandem::wire
