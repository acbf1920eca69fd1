#include "worker/program/ranged_content.hpp"

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "worker/program/byte_range.hpp"
#include "common/http1/http_date.hpp"

namespace tandem {

namespace {

constexpr std::size_t block_bytes = 64 * 1024;

// RFC 9110 §14.2: ranges are defined for GET only.
std::optional<ByteRange> range_of(const httplib::Request& request, const Content& content) {
  if (request.method != "GET" || request.get_header_value_count("Range") != 1) return std::nullopt;
  if (!range_applies(request, content.validators, std::time(nullptr))) return std::nullopt;
  return parse_byte_range(request.get_header_value("Range"), content.size);
}

void set_validators(httplib::Response& response, const Validators& validators) {
  if (!validators.etag.empty()) response.set_header("ETag", validators.etag);
  if (validators.modified)
    response.set_header("Last-Modified", std::string(HttpDate(*validators.modified).text()));
}

}  // namespace

void send_content(const httplib::Request& request, httplib::Response& response,
                  const Content& content, ContentReader reader) {
  response.set_header("Accept-Ranges", "bytes");
  const auto precondition = check_preconditions(request, content.validators);
  if (precondition == Precondition::failed) {
    response.status = 412;
    return;
  }
  set_validators(response, content.validators);
  if (precondition == Precondition::not_modified) {
    response.status = 304;
    // The same value as in a 200 (RFC 9110 §8.6); otherwise cpp-httplib would send 0.
    response.set_header("Content-Length", std::to_string(content.size));
    return;
  }
  ByteRange range{0, content.size};
  response.status = 200;
  if (const auto asked = range_of(request, content)) {
    range = *asked;
    response.status = range.length == 0 ? 416 : 206;
    response.set_header("Content-Range",
                        range.length == 0
                            ? fmt::format("bytes */{}", content.size)
                            : fmt::format("bytes {}-{}/{}", range.first,
                                          range.first + range.length - 1, content.size));
    if (range.length == 0) return;
  }
  if (range.length == 0) return response.set_content("", content.type);
  response.set_content_provider(
      range.length, content.type,
      [first = range.first, reader = std::move(reader), block = std::vector<char>()](
          std::size_t offset, std::size_t left, httplib::DataSink& sink) mutable {
        block.resize(std::min(left, block_bytes));
        const auto count = reader(first + offset, block.data(), block.size());
        return count > 0 && sink.write(block.data(), count);
      });
}

}  // namespace tandem
