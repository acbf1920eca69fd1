// written_head.hpp: a head that leaves this gateway, as fields: what HTTP/2 sends, without a text
// between it and the head writer. Views; who makes one says how long they are good. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "common/http1/http_head.hpp"

namespace tandem::master {

// There is no limit: the gateway must not refuse a head because of what it has added itself.
struct WrittenHead {
  std::string_view method;  // of a request
  std::string_view target;
  std::string_view host;
  std::string_view upgrade;
  bool accepts_trailers = false;
  unsigned status = 0;        // of a response
  std::vector<Field> fields;  // but for Host, and those that end at this hop

  bool is_interim() const { return status >= 100 && status < 200 && status != 101; }
  void clear() {
    method = target = host = upgrade = {};
    accepts_trailers = false;
    status = 0;
    fields.clear();
  }
};

}  // namespace tandem::master
