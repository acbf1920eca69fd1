// ranged_content.hpp: a response body of known size that is produced piece by piece: the whole, the
// single requested range, or nothing if the caller has it already (RFC 9110 §13, §14).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <httplib.h>

#include "worker/program/preconditions.hpp"

namespace tandem {

struct Content {
  std::uint64_t size = 0;
  std::string type;
  Validators validators{};
};

// Fills `buffer` with up to `size` bytes from `offset` on; returns the number of bytes, 0 after a
// failure.
using ContentReader =
    std::function<std::size_t(std::uint64_t offset, char* buffer, std::size_t size)>;

// Memory: one block of 64 KiB while the response is written.
void send_content(const httplib::Request& request, httplib::Response& response,
                  const Content& content, ContentReader reader);

}  // namespace tandem
