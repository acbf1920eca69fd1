// filter.hpp: of which requests the access log has a line.
//
// A condition is a field of the line, a comparison and a value: "status>=500", "duration_ms>250",
// "service=shop", "method!=GET". A clause is conditions between commas that hold all at once. A
// request is chosen when one of the clauses holds, or when there is none; of the others one in
// `sample` is, none if that is 0. Owner: the thread that writes the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "master/forward/access_log/fields.hpp"
#include "master/forward/access_log/ring.hpp"

namespace tandem::master {

class AccessFilter {
 public:
  // Adds a clause. Errors: `invalid`, naming `flag`.
  Result<> add_clause(std::string_view text, std::string_view flag);
  // One in so many of the requests that no clause chooses; 0: none of them.
  void set_sample(unsigned one_in) { sample_ = one_in; }
  // A line is written of every request.
  bool takes_all() const { return clauses_.empty() && sample_ <= 1; }

  // Whether a line is written of it. Called once for each request, in order.
  bool takes(const AccessEntry& entry);
  // The fields that conditions ask for, so that entries have them.
  const AccessFields& fields() const { return fields_; }

 private:
  enum class Comparison { equal, unequal, less, at_most, more, at_least };
  struct Condition {
    AccessField field;
    Comparison comparison;
    double number = 0;  // for fields that are numbers
    std::string text;   // for the others
  };
  using Clause = std::vector<Condition>;

  static Result<Condition> parse_condition(std::string_view text, std::string_view flag);
  static bool holds(const Condition& condition, const AccessEntry& entry);

  std::vector<Clause> clauses_;
  unsigned sample_ = 0;
  std::uint64_t passed_over_ = 0;  // requests that no clause has chosen
  AccessFields fields_;
};

}  // namespace tandem::master
