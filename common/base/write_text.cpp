#include "common/base/write_text.hpp"

namespace tandem {

bool write_text(std::FILE* stream, std::string_view text) {
  const auto written = std::fwrite(text.data(), 1, text.size(), stream);
  return std::fflush(stream) == 0 && written == text.size();
}

}  // namespace tandem
