// What a worker may answer over HTTP/2: frames, HPACK included, after its settings.
#include "h2_side.hpp"

using namespace tandem;
using namespace tandem::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view settings("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18);
  const auto input = text_of(data, size);
  Side client(h2::Role::client, input);
  client.open();
  client.open();
  client.pull();
  client.play(std::string(settings).append(input));
  return 0;
}
