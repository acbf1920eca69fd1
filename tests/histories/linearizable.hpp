// linearizable.hpp: whether the history of one object (a worker, a setting, a route) is
// linearisable: each change took effect at one moment between its request and its answer, and each
// answer is true of the state at such a moment (Herlihy and Wing 1990).
//
// Wing and Gong's search (1993) with Lowe's memoization (2017): operations are ordered one by one;
// the candidates for the next place are those that were requested before the first answer among the
// rest; each set of operations in a state is examined once. An operation with an unknown outcome
// may have been executed at any time after its request, or never.
//
// Histories are checked piece by piece, at moments without pending requests: the possible states at
// that moment, with the unknown operations that may still be executed, are the start of the next
// piece. So a piece is short, and the search stays small. Owner: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tandem::test {

// Nanoseconds of one clock.
using Moment = std::int64_t;

struct Operation {
  Moment asked = 0;
  Moment answered = 0;
  std::string what;  // for the model: action and outcome
  // It may have been executed at any time after `asked`, or never; `answered` is meaningless.
  bool unknown = false;
};

// The state after an operation; nothing: it cannot have this outcome in this state.
using Model =
    std::function<std::optional<std::string>(const std::string& state, const std::string& what)>;

enum class Verdict { linearizable, violated, too_many_orders };

class History {
 public:
  History(Model model, std::string state)
      : model_(std::move(model)), now_{{std::move(state), {}}} {}

  void add(Operation operation) { piece_.push_back(std::move(operation)); }
  // REQUIRES: each request was answered, or is unknown. Unknown operations that were requested
  // before `forgotten_before` are no longer considered after this.
  Verdict settle(Moment forgotten_before = std::numeric_limits<Moment>::min());

  // After a violation: the piece that is not linearisable, in the order of its requests.
  std::string text() const;
  // The possible states.
  std::set<std::string> states() const;

 private:
  // Unknown operations that may still be executed, in the order of `asked`, and the state without
  // them.
  struct Possible {
    std::string state;
    std::vector<Operation> pending;
  };
  struct Search;

  Model model_;
  std::vector<Possible> now_;
  std::vector<Operation> piece_;
};

}  // namespace tandem::test
