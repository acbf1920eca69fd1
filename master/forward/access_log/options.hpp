// options.hpp: what an operator says about the access log.
#pragma once

#include <cstddef>
#include <string>

#include "master/forward/access_log/fields.hpp"
#include "master/forward/access_log/filter.hpp"
#include "master/forward/access_log/limits.hpp"

namespace tandem::master {

enum class AccessFormat {
  json,
  combined,  // as Apache's and nginx's logs of that name, for tools that know those
};

struct AccessLogOptions {
  std::string path{};  // a file, or "-" for the standard output
  AccessFormat format = AccessFormat::json;
  AccessFields fields = AccessFields::usual();  // of json
  AccessFilter filter{};
  std::size_t ring_bytes = limits::access_log_ring_bytes;  // of each loop
};

}  // namespace tandem::master
