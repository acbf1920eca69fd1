// ranged_content.hpp: a response body of known size that is produced piece by piece, whole or the
// one range of it that was asked for, or not at all when the caller has it already (RFC 9110 §13,
// §14).
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

// Fills `buffer` with up to `size` bytes from `offset` on; returns how many, 0 when it cannot.
using ContentReader =
    std::function<std::size_t(std::uint64_t offset, char* buffer, std::size_t size)>;

// Memory: one block of 64 KiB while the response is written.
void send_content(const httplib::Request& request, httplib::Response& response,
                  const Content& content, ContentReader reader);

}  // namespace tandem
