#include "tests/e2e/odd_request.hpp"

#include <iterator>

#include <fmt/format.h>

namespace tandem::e2e {

namespace {

template <std::size_t count>
std::string one_of(SplitMix64& random, const char* const (&choices)[count]) {
  return choices[random.below(count)];
}

bool sometimes(SplitMix64& random, unsigned one_in) { return random.below(one_in) == 0; }

constexpr const char* methods[] = {"GET",   "GET",   "HEAD",     "POST",    "POST",  "POST",
                                   "PUT",   "PATCH", "DELETE",   "OPTIONS", "QUERY", "LOCK",
                                   "TRACE", "PRI",   "PROPFIND", "get",     "Post",  "X"};

constexpr const char* targets[] = {"/echo",
                                   "/echo?a=b&c",
                                   "/a%20b",
                                   "/%00",
                                   "/a?b?c",
                                   "/%zz",
                                   "//echo",
                                   "/./echo",
                                   "/echo?%0d%0a",
                                   "http://x/echo",
                                   "http://y:8080/echo?q",
                                   "*",
                                   "/a#b",
                                   "echo",
                                   "/status/204",
                                   "/status/304",
                                   "/status/404",
                                   "/status/500",
                                   "/bytes/100000",
                                   "/bytes/0"};

std::string make_target(SplitMix64& random) {
  if (!sometimes(random, 8)) return one_of(random, targets);
  constexpr std::size_t sizes[] = {8'170, 8'191, 8'300, 12'000, 16'383, 16'384, 16'385, 20'000};
  const auto size = sizes[random.below(std::size(sizes))];
  return sometimes(random, 2) ? "/echo?" + std::string(size - 6, 'q')
                              : "/" + std::string(size - 1, 'p');
}

constexpr const char* lone_fields[] = {
    "Content-Type: multipart/form-data\r\n",
    "Content-Type: multipart/form-data; boundary=\r\n",
    "Content-Type: multipart/form-data; boundary=b\r\n",
    "Content-Type: application/x-www-form-urlencoded\r\n",
    "Content-Encoding: gzip\r\n",
    "Content-Encoding: deflate\r\n",
    "Content-Encoding: br\r\n",
    "Content-Encoding: gzip, br, zstd\r\n",
    "Expect: 100-continue\r\n",
    "Expect: 100-Continue\r\n",
    "Expect: something\r\n",
    "Range: bytes=0-1\r\n",
    "Range: bytes=9-1\r\n",
    "Range: bytes=0-,0-,0-,0-,0-,0-,0-,0-\r\n",
    "Range: bytes=0-99999999999999999999\r\n",
    "Range: lines=1\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, X\r\nX: y\r\n",
    "Connection: Content-Length\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "TE: trailers\r\n",
    "Max-Forwards: 0\r\n",
    "Tandem-Term: 18446744073709551615\r\n",
    "Tandem-Term: 18446744073709551615.00112233445566778899aabbccddeeff\r\n",
    "Tandem-Pass: x\r\n",
    "Content-Length: 0\r\n",
    "Content_Length: 5\r\n",
    "Transfer_Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "X: y\r\n folded\r\n",
    "X: %0d%0aContent-Length:%205\r\n",
    "X:\r\n",
    ": y\r\n",
    "Host: another\r\n",
    "REMOTE_ADDR: 9.9.9.9\r\n",
    "Accept-Encoding: gzip, br\r\n",
};

std::string make_fields(SplitMix64& random) {
  std::string fields;
  for (auto left = random.below(4); left > 0; --left) fields += one_of(random, lone_fields);
  if (sometimes(random, 12)) {
    constexpr std::size_t sizes[] = {8'180, 9'000, 30'000, 64'000, 66'000};
    fields += "X-Long: " + std::string(sizes[random.below(std::size(sizes))], 'x') + "\r\n";
  }
  if (sometimes(random, 20)) {
    const auto count = 230 + random.below(40);
    for (std::uint64_t i = 0; i < count; ++i) fields += fmt::format("X-{}: y\r\n", i);
  }
  return fields;
}

// As a client would hide it who wants the next one's answer.
std::string make_content(SplitMix64& random) {
  const std::string hidden =
      fmt::format("GET /hidden-{} HTTP/1.1\r\nHost: x\r\n\r\n", random.below(1'000'000));
  switch (random.below(5)) {
    case 0: return "";
    case 1: return hidden;
    case 2: return hidden + hidden + hidden;
    case 3: return std::string(random.below(3'000), 'c') + hidden;
    default:
      return "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n" + hidden + "\r\n--b--\r\n";
  }
}

std::string chunked(SplitMix64& random, const std::string& content) {
  constexpr const char* extensions[] = {"", "", "", ";a=b", ";a=\"b c\"", " ;a", ";"};
  constexpr const char* trailers[] = {
      "", "", "", "X-Trailer: y\r\n", "Content-Length: 5\r\n", "GET / HTTP/1.1\r\n"};
  std::string body;
  for (std::size_t at = 0; at < content.size();) {
    const auto size = std::min<std::size_t>(1 + random.below(500), content.size() - at);
    body +=
        fmt::format("{:x}{}\r\n{}\r\n", size, one_of(random, extensions), content.substr(at, size));
    at += size;
  }
  if (sometimes(random, 15)) body += "zz\r\n";
  return body + "0" + one_of(random, extensions) + "\r\n" + one_of(random, trailers) + "\r\n";
}

}  // namespace

OddRequest make_odd_request(SplitMix64& random) {
  const auto method = one_of(random, methods);
  constexpr const char* versions[] = {"1.1", "1.1", "1.1", "1.1", "1.1",
                                      "1.1", "1.0", "1.5", "2.0"};
  auto head =
      fmt::format("{} {} HTTP/{}\r\n", method, make_target(random), one_of(random, versions));
  if (!sometimes(random, 40)) head += "Host: x\r\n";
  head += make_fields(random);
  const auto content = make_content(random);
  switch (random.below(4)) {
    case 0: head += fmt::format("Content-Length: {}\r\n\r\n{}", content.size(), content); break;
    case 1: head += "Transfer-Encoding: chunked\r\n\r\n" + chunked(random, content); break;
    case 2:
      if (sometimes(random, 5)) {  // both
        head += fmt::format("Content-Length: {}\r\n", content.size());
        head += "Transfer-Encoding: chunked\r\n\r\n" + chunked(random, content);
      } else if (sometimes(random, 5)) {  // twice the same
        head += fmt::format("Content-Length: {0}\r\nContent-Length: {0}\r\n\r\n{1}", content.size(),
                            content);
      } else {
        head += fmt::format("Content-Length: {}\r\n\r\n{}", content.size(), content);
      }
      break;
    default: head += "\r\n";
  }
  return {head, method == "HEAD"};
}

}  // namespace tandem::e2e
