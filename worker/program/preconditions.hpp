// preconditions.hpp: conditional requests (RFC 9110 §13): whether a request is to be served at all,
// given what the caller knows already.
//
// Owner: whoever serves content that has validators.
#pragma once

#include <ctime>
#include <optional>
#include <string>

namespace httplib {
struct Request;
}

namespace tandem {

struct Validators {
  std::string etag;                     // with its quotes; empty: there is none
  std::optional<std::time_t> modified;  // seconds since 1970, the present second or before
};

enum class Precondition {
  holds,         // serve it
  not_modified,  // 304
  failed,        // 412
};

// In the order of RFC 9110 §13.2.2, for GET and HEAD of something that exists.
Precondition check_preconditions(const httplib::Request& request, const Validators& validators);

// Whether Range counts: there is no If-Range, or it names what is here (RFC 9110 §13.1.5). `now`:
// of a date, only one that cannot have changed twice within its second is believed.
bool range_applies(const httplib::Request& request, const Validators& validators, std::time_t now);

}  // namespace tandem
