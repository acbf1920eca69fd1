// models.hpp: models of an added worker, a route, and the settings of a service: a small state, and
// the meaning of each answered request for it.
#pragma once

#include <optional>
#include <string>

namespace tandem::test {

inline const std::string nothing = "none";  // the state of an object that does not exist

// State: nothing, or "ADDRESS WEIGHT open|drained". `what`:
//   add ADDRESS          it was not there, and is now, with weight 100 and open
//   remove               it was there, and is not any more
//   drain, undrain       it is there
//   weight N             likewise
//   exists, absent       it was refused for that it is there (409), or is not (404)
//   is drained|open      it was said to be that
//   has ADDRESS WEIGHT   it was said to have these
//   is STATE             it was said to be in that state
std::optional<std::string> worker_model(const std::string& state, const std::string& what);

// State: nothing, or the value. `what`:
//   set VALUE            whatever was there before
//   unset                it may have been there or not
//   remove               it was there
//   absent               it was refused for that it is not there
//   is STATE             it was said to be that
std::optional<std::string> value_model(const std::string& state, const std::string& what);

}  // namespace tandem::test
