#include "common/cluster/refusal_log.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tandem::cluster {

namespace {
constexpr Duration told_again_after = 60s;
}

void RefusalLog::refused(std::string_view peer_host, std::string_view reason, Instant now) {
  auto line = fmt::format("cluster message refused from={} reason=\"{}\"", peer_host, reason);
  {
    const Lock lock(mutex_);
    const bool is_due = told_ == Instant::never() || now - told_ >= told_again_after;
    if (line == last_ && !is_due) return;
    last_ = line;
    told_ = now;
  }
  spdlog::warn("{}", line);
}

}  // namespace tandem::cluster
