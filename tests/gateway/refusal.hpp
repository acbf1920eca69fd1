// refusal.hpp: what every refused request has in common: the gateway answers itself, with an error
// document, closes the connection, and no worker sees a whole request.
#pragma once

#include <string>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test {

struct Refused {
  const char* why;
  std::string request;
  unsigned status = 400;
};

void check_refused(const Refused& row);

// A request that is sound but for that field.
std::string with_field(const std::string& field);

}  // namespace tandem::test
