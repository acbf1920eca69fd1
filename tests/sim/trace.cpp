#include "tests/sim/trace.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace tandem::sim {

namespace {
constexpr std::size_t items_max = 100'000;

std::string time_of(SimTime at) {
  const double ms = static_cast<double>(at.count()) / 1e6;
  return fmt::format("{:+.1f} ms", ms);
}

// Mermaid ends a statement at a semicolon and reads '#' as an entity.
std::string escaped(std::string text) {
  for (auto& c : text) {
    if (c == ';') c = ',';
    if (c == '#') c = ' ';
  }
  return text;
}
}  // namespace

void Trace::line(SimTime now, const std::string& text) {
  const auto whole = fmt::format("{:>14}  {}", time_of(now - zero_), text);
  if (options_.text) fmt::print("{}\n", whole);
  if (lines_.size() < items_max) lines_.push_back(whole);
}

void Trace::note(SimTime now, const std::string& who, const std::string& what) {
  if (!is_on(now)) return;
  line(now, fmt::format("{:<6}  {}", who, what));
  if (options_.diagram && items_.size() < items_max) items_.push_back({now, "", who, what});
}

void Trace::message(SimTime now, const std::string& from, const std::string& to,
                    const std::string& what, bool lost) {
  if (!is_on(now)) return;
  line(now, fmt::format("{:<6}  {} {} {}", from, lost ? "-x" : "->", to, what));
  if (options_.diagram && items_.size() < items_max) items_.push_back({now, from, to, what, lost});
}

std::string Trace::to_mermaid(const std::vector<std::string>& participants) const {
  std::string text = "sequenceDiagram\n";
  for (const auto& name : participants) text += fmt::format("    participant {}\n", name);
  for (const auto& item : items_) {
    const auto at = time_of(item.at - zero_);
    if (item.from.empty()) {
      text += fmt::format("    Note over {}: {} {}\n", item.to, at, escaped(item.what));
    } else {
      text += fmt::format("    {}{}{}: {} {}\n", item.from, item.lost ? "-x" : "->>", item.to, at,
                          escaped(item.what));
    }
  }
  return text;
}

}  // namespace tandem::sim
