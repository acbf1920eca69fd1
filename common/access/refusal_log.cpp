#include "common/access/refusal_log.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/access/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/printable.hpp"

namespace tandem::access {

void RefusalLog::refused(std::string_view peer_host, std::string_view reason, Instant now) {
  auto line = fmt::format("{} from={} reason=\"{}\"", what_, peer_host, printable(reason));
  std::uint64_t untold = 0;
  {
    const Lock lock(mutex_);
    const bool is_due = told_ == Instant::never() || now - told_ >= limits::refusal_lines_per;
    if (line == last_ && !is_due) return;
    if (began_ == Instant::never() || now - began_ >= limits::refusal_lines_per) {
      began_ = now;
      lines_ = 0;
      untold = std::exchange(untold_, 0);
    }
    if (lines_ >= limits::refusal_lines_max) {
      ++untold_;
      return;
    }
    ++lines_;
    last_ = line;
    told_ = now;
  }
  if (untold > 0) log::warn("{}, and others, which are not told count={}", what_, untold);
  log::warn("{}", line);
}

}  // namespace tandem::access
