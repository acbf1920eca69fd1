// What a client may send over HTTP/2: frames, HPACK included. An input that does not begin with the
// preface is what follows preface and settings.
#include "h2_side.hpp"

using namespace tandem;
using namespace tandem::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view settings("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18);
  const auto input = text_of(data, size);
  Side server(h2::Role::server, input);
  std::string all;
  if (!input.starts_with("PRI ")) all.append(h2::client_preface).append(settings);
  server.play(all.append(input));
  return 0;
}
