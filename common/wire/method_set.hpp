// method_set.hpp: methods of requests that may be sent a second time: "GET,HEAD", or "none".
//
// Where nothing is said they are those that RFC 9110 §9.2.2 calls idempotent. Whoever names another
// vouches that his service may execute it twice. Case matters (§9.1), and no method that is
// registered has a small letter: names with one are refused as the mistakes that they are.
//
// The names stand in the object, one after the other: options are copied for a request that a route
// has something to say of, and that takes nothing from the heap. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/limits.hpp"

namespace tandem::wire {

class MethodSet {
 public:
  // GET, HEAD, OPTIONS, TRACE, PUT, DELETE
  static const MethodSet& idempotent();
  // "none", or names with commas between; nothing when `text` is otherwise. Empty: none.
  static std::optional<MethodSet> parse(std::string_view text);
  // What parse() must be given, for sentences.
  static std::string forms();

  // False: no name of a method, or one too many. One that is there already is not added again.
  bool add(std::string_view method);
  bool contains(std::string_view method) const;
  std::vector<std::string_view> names() const;  // in the order in which they were added
  std::string to_string() const;                // as parse() reads it

  friend bool operator==(const MethodSet& a, const MethodSet& b) { return a.text() == b.text(); }

 private:
  // Each name has a comma behind it.
  std::string_view text() const { return {text_.data(), length_}; }

  std::array<char, limits::retry_methods_max*(limits::method_name_bytes_max + 1)> text_{};
  std::size_t length_ = 0;
  std::size_t count_ = 0;
};

}  // namespace tandem::wire
