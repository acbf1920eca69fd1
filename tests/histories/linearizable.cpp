#include "tests/histories/linearizable.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include <fmt/format.h>

namespace tandem::test {

namespace {
// Sets of operations in a state, of all searches of a piece: seconds, and some hundred megabytes.
constexpr std::size_t looked_at_max = 1'000'000;

bool same(const Operation& a, const Operation& b) { return a.asked == b.asked && a.what == b.what; }
}  // namespace

struct History::Search {
  const Model& model;
  const std::vector<Operation>& operations;
  const Moment forgotten_before;
  std::unordered_set<std::string> looked_at{};
  std::vector<Possible> ends{};
  bool too_many = false;

  // `done`: a letter for each operation, x when it has its place.
  void look(const std::string& state, std::string& done) {
    if (!looked_at.insert(done + state).second) return;
    if (looked_at.size() > looked_at_max) too_many = true;
    if (too_many) return;
    Moment first_answer = std::numeric_limits<Moment>::max();
    bool known_left = false;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if (done[i] == 'x' || operations[i].unknown) continue;
      known_left = true;
      first_answer = std::min(first_answer, operations[i].answered);
    }
    if (!known_left) end(state, done);
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const auto& next = operations[i];
      if (done[i] == 'x' || next.asked > first_answer) continue;
      // What may still come may as well come later, but for the last time that it is thought of.
      if (!known_left && next.asked >= forgotten_before) continue;
      const auto after = model(state, next.what);
      if (!after) continue;
      done[i] = 'x';
      look(*after, done);
      done[i] = '-';
    }
  }

  void end(const std::string& state, const std::string& done) {
    Possible possible{state, {}};
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if (done[i] != 'x' && operations[i].asked >= forgotten_before) {
        possible.pending.push_back(operations[i]);
      }
    }
    const bool known = std::any_of(ends.begin(), ends.end(), [&](const Possible& other) {
      return other.state == state &&
             std::equal(other.pending.begin(), other.pending.end(), possible.pending.begin(),
                        possible.pending.end(), same);
    });
    if (!known) ends.push_back(std::move(possible));
  }
};

Verdict History::settle(Moment forgotten_before) {
  std::vector<Possible> after;
  std::sort(piece_.begin(), piece_.end(),
            [](const Operation& a, const Operation& b) { return a.asked < b.asked; });
  for (const auto& before : now_) {
    auto operations = before.pending;
    operations.insert(operations.end(), piece_.begin(), piece_.end());
    Search search{model_, operations, forgotten_before};
    search.ends = std::move(after);
    std::string done(operations.size(), '-');
    search.look(before.state, done);
    if (search.too_many) return Verdict::too_many_orders;
    after = std::move(search.ends);
  }
  if (after.empty()) return Verdict::violated;
  now_ = std::move(after);
  piece_.clear();
  return Verdict::linearizable;
}

std::string History::text() const {
  std::string text = "from";
  for (const auto& possible : now_) {
    text += fmt::format(" [{}", possible.state);
    for (const auto& pending : possible.pending) text += fmt::format(", perhaps {}", pending.what);
    text += "]";
  }
  const Moment begin = piece_.empty() ? 0 : piece_.front().asked;
  for (const auto& operation : piece_) {
    const auto ms = [&](Moment moment) { return static_cast<double>(moment - begin) / 1e6; };
    text += operation.unknown
                ? fmt::format("\n{:10.3f}            {} ?", ms(operation.asked), operation.what)
                : fmt::format("\n{:10.3f} {:10.3f} {}", ms(operation.asked), ms(operation.answered),
                              operation.what);
  }
  return text;
}

std::set<std::string> History::states() const {
  std::set<std::string> states;
  for (const auto& possible : now_) states.insert(possible.state);
  return states;
}

}  // namespace tandem::test
