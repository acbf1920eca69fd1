// preconditions.hpp: conditional requests (RFC 9110 §13): whether a request must be served, given
// what the caller has already.
//
// Owner: the code that serves content with validators.
#pragma once

#include <ctime>
#include <optional>
#include <string>

namespace httplib {
struct Request;
}

namespace tandem {

struct Validators {
  std::string etag;                     // including the quotes; empty: there is none
  std::optional<std::time_t> modified;  // seconds since 1970, not in the future
};

enum class Precondition {
  holds,         // serve it
  not_modified,  // 304
  failed,        // 412
};

// Evaluates them in the order of RFC 9110 §13.2.2, for GET and HEAD of an existing resource.
Precondition check_preconditions(const httplib::Request& request, const Validators& validators);

// Whether Range applies: there is no If-Range, or it matches the content (RFC 9110 §13.1.5). `now`:
// a date only counts as a match if the content cannot have changed twice within that second.
bool range_applies(const httplib::Request& request, const Validators& validators, std::time_t now);

}  // namespace tandem
