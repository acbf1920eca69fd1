// method_set.hpp: the methods whose requests may be sent again: "GET,HEAD", or "none"; and methods
// of gRPC, "/package.Service/Method", or "/package.Service/*" for all of a service.
//
// The default are those that RFC 9110 §9.2.2 calls idempotent. An operator who names another one
// vouches that the service may execute it twice. Case matters (§9.1), and no registered method has
// a lower-case letter: names with one are refused, as likely mistakes.
//
// The names are stored in the object itself, one after the other, because options are copied for a
// request whose route has rules of its own, and that copy must not allocate. Those of gRPC are
// longer, and are shared. Pure.
#pragma once

#include <array>
#include <memory>
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
  // Parses "none", or names separated by commas; an empty text means none. Returns nothing for any
  // other text.
  static std::optional<MethodSet> parse(std::string_view text);
  // The accepted forms, for error messages.
  static std::string forms();

  // False when it is not a method name, or one too many. A method that is there already is not
  // added again.
  bool add(std::string_view method);
  bool contains(std::string_view method) const;
  // `path`: of a gRPC call, without a query.
  bool contains_call(std::string_view path) const;
  bool names_calls() const { return calls_ != nullptr; }
  std::vector<std::string_view> names() const;  // in the order in which they were added
  std::string to_string() const;                // as parse() reads it

  friend bool operator==(const MethodSet& a, const MethodSet& b);

 private:
  using Calls = std::vector<std::string>;

  bool add_call(std::string_view call);
  // Each name is followed by a comma.
  std::string_view text() const { return {text_.data(), length_}; }

  std::array<char, limits::retry_methods_max*(limits::method_name_bytes_max + 1)> text_{};
  std::size_t length_ = 0;
  std::size_t count_ = 0;
  std::shared_ptr<const Calls> calls_;  // of gRPC; null: none
};

}  // namespace tandem::wire
