#include "worker/program/ranged_content.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tandem {

namespace {

constexpr std::size_t block_bytes = 64 * 1024;

struct Span {
  std::uint64_t first;
  std::uint64_t length;
};

// What a range means for content of `size` bytes; nothing when it lies outside. -1: left out.
std::optional<Span> resolve(const httplib::Range& range, std::uint64_t size) {
  const auto [first, last] = range;
  if (first < 0) {  // the last so many bytes
    const auto length =
        std::min<std::uint64_t>(size, last < 0 ? size : static_cast<std::uint64_t>(last));
    if (length == 0) return std::nullopt;
    return Span{size - length, length};
  }
  const auto begin = static_cast<std::uint64_t>(first);
  if (begin >= size || (last >= 0 && last < first)) return std::nullopt;
  const auto end =
      last < 0 ? size - 1 : std::min<std::uint64_t>(static_cast<std::uint64_t>(last), size - 1);
  return Span{begin, end - begin + 1};
}

}  // namespace

void send_content(const httplib::Request& request, httplib::Response& response, std::uint64_t size,
                  const std::string& type, ContentReader reader) {
  const auto ranges = request.ranges;
  // The request is cpp-httplib's own and not constant; it would apply the ranges a second time.
  const_cast<httplib::Request&>(request).ranges.clear();
  response.set_header("Accept-Ranges", "bytes");
  Span span{0, size};
  response.status = 200;
  if (ranges.size() == 1) {
    const auto asked = resolve(ranges.front(), size);
    if (!asked) {
      response.status = 416;
      response.set_header("Content-Range", fmt::format("bytes */{}", size));
      return;
    }
    span = *asked;
    response.status = 206;
    response.set_header("Content-Range", fmt::format("bytes {}-{}/{}", span.first,
                                                     span.first + span.length - 1, size));
  }
  if (span.length == 0) return response.set_content("", type);
  response.set_content_provider(
      span.length, type,
      [first = span.first, reader = std::move(reader), block = std::vector<char>()](
          std::size_t offset, std::size_t left, httplib::DataSink& sink) mutable {
        block.resize(std::min(left, block_bytes));
        const auto count = reader(first + offset, block.data(), block.size());
        return count > 0 && sink.write(block.data(), count);
      });
}

}  // namespace tandem
