// result.hpp: expected failures are values. A Result holds what was asked for, or an Error with a
// code that programs branch on and a sentence that people read. Broken invariants are not errors:
// assert.hpp.
#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <variant>

#include "common/base/assert.hpp"

namespace tandem {

enum class ErrorCode {
  invalid,      // the input breaks a rule; the same input fails again
  not_found,    // what was named does not exist
  conflict,     // it exists already, or in a state that forbids this
  unavailable,  // cannot be done now; may work later
  timed_out,    // the deadline passed; the outcome may be unknown
  io,           // the operating system refused
};

// The code's name on the wire: "invalid", "not_found", ...
const char* to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::invalid;
  std::string message;  // one sentence, naming what was wrong and what would be right
  std::string field;    // the field, flag or key at fault; empty when there is none
};

struct Nothing {};

template <class T = Nothing>
class [[nodiscard]] Result {
 public:
  Result() requires std::same_as<T, Nothing> : state_(Nothing{}) {}
  Result(T value) : state_(std::move(value)) {}      // NOLINT: a value is a success
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: an error is a failure

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok()
  const T& value() const& {
    TANDEM_ASSERT(ok());
    return std::get<0>(state_);
  }
  T& value() & {
    TANDEM_ASSERT(ok());
    return std::get<0>(state_);
  }
  T value() && {
    TANDEM_ASSERT(ok());
    return std::move(std::get<0>(state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  // REQUIRES: !ok()
  const Error& error() const {
    TANDEM_ASSERT(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Makes an Error: fail(ErrorCode::invalid, "weight must be 1 to 1000", "weight").
inline Error fail(ErrorCode code, std::string message, std::string field = {}) {
  return Error{code, std::move(message), std::move(field)};
}
inline Error invalid(std::string message, std::string field = {}) {
  return fail(ErrorCode::invalid, std::move(message), std::move(field));
}

}  // namespace tandem
