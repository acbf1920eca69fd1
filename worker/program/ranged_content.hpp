// ranged_content.hpp: a response body of known size that is produced piece by piece, whole or the
// one range of it that was asked for (RFC 9110 §14).
//
// In place of what cpp-httplib does with ranges, which believes in ends beyond the end of the
// content. Several ranges in one request are answered with the whole, as RFC 9110 §14.2 allows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <httplib.h>

namespace tandem {

// Fills `buffer` with up to `size` bytes from `offset` on; returns how many, 0 when it cannot.
using ContentReader =
    std::function<std::size_t(std::uint64_t offset, char* buffer, std::size_t size)>;

// Memory: one block of 64 KiB while the response is written.
void send_content(const httplib::Request& request, httplib::Response& response, std::uint64_t size,
                  const std::string& type, ContentReader reader);

}  // namespace tandem
