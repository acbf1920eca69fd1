#include "worker/src/witness_port.hpp"

#include <charconv>

#include <fmt/format.h>

#include "common/base/small_file.hpp"

namespace tandem {

namespace {

constexpr std::size_t bytes_max = 16;  // five digits and a line end

std::string file_in(const std::string& directory) { return directory + "/witness_port"; }

}  // namespace

Result<std::uint16_t> load_witness_port(const std::string& state_directory) {
  const auto path = file_in(state_directory);
  const auto text = read_small_file(path, bytes_max);
  if (!text && text.error().code == ErrorCode::not_found) return std::uint16_t{0};
  if (!text) return fail(text.error().code, fmt::format("{} {}", path, text.error().message));
  std::uint16_t port = 0;
  const auto* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, port);
  if (error == std::errc() && (rest == end || *rest == '\n')) return port;
  return invalid(fmt::format("{} does not contain a port", path));
}

Result<> save_witness_port(const std::string& state_directory, std::uint16_t port) {
  const auto path = file_in(state_directory);
  return replace_file(path, fmt::format("{}\n", port), path + ".new");
}

}  // namespace tandem
