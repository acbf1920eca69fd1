// linearizable.hpp: whether what clients saw of one thing (a worker, a setting, a route) can be
// told as one history: each change took effect at one moment between its request and its answer,
// and each answer is true of the state at such a moment (Herlihy and Wing 1990).
//
// Wing and Gong's search (1993) with Lowe's memory (2017): operations are put in order one by one,
// those that may come next being the ones that were asked for before the first answer among the
// rest; a set of operations in a state is looked at once. An operation of which nobody knows
// whether it was done may have been done at any time after it was asked for, or never.
//
// Histories are settled piece by piece, while nothing is being asked: what may be the state then,
// with the unknown operations that may still come, is where the next piece begins. So a piece is
// short, and the search stays small. Owner: one thread.
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
  // It may have been done, from `asked` on, or not; `answered` means nothing.
  bool unknown = false;
};

// The state after an operation; none: it cannot have had this outcome in this state.
using Model =
    std::function<std::optional<std::string>(const std::string& state, const std::string& what)>;

enum class Verdict { linearizable, violated, too_many_orders };

class History {
 public:
  History(Model model, std::string state)
      : model_(std::move(model)), now_{{std::move(state), {}}} {}

  void add(Operation operation) { piece_.push_back(std::move(operation)); }
  // REQUIRES: whatever was asked was answered, or is unknown. Unknown operations that were asked
  // for before `forgotten_before` come no more after this.
  Verdict settle(Moment forgotten_before = std::numeric_limits<Moment>::min());

  // After a violation: the piece that cannot be told, in the order of its questions.
  std::string text() const;
  // What the state may be.
  std::set<std::string> states() const;

 private:
  // Unknown operations that may still come, in the order of `asked`, and the state without them.
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
