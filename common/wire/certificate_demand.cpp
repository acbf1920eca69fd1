#include "common/wire/certificate_demand.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/ascii.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

constexpr std::string_view scheme_end = "://";

bool is_uri(std::string_view name) { return name.find(scheme_end) != name.npos; }

bool equal_hosts(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// A `*` stands for the whole first label of a host, and for the end of a URI behind a slash.
bool is_name(std::string_view text) {
  const auto is_good = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (text.empty() || text.size() > limits::certificate_name_bytes_max ||
      !std::all_of(text.begin(), text.end(), is_good)) {
    return false;
  }
  if (is_uri(text)) {
    const auto authority = text.substr(text.find(scheme_end) + scheme_end.size());
    if (text.starts_with(scheme_end) || authority.empty() || authority.front() == '/') return false;
    const auto star = authority.find('*');
    return star == authority.npos || (authority.ends_with("/*") && star + 1 == authority.size());
  }
  const auto host = text.starts_with("*.") ? text.substr(2) : text;
  return !host.empty() && host.find_first_of("*/:;=") == host.npos;
}

}  // namespace

std::optional<CertificateDemand> CertificateDemand::parse(std::string_view text) {
  CertificateDemand demand;
  if (text == "off") return demand;
  demand.any_ = text == "any";
  if (demand.any_) return demand;
  std::vector<std::string> names;
  for (auto rest = text;;) {
    const auto end = rest.find(',');
    const auto name = rest.substr(0, end);
    if (!is_name(name) || names.size() == limits::certificate_names_demanded_max) {
      return std::nullopt;
    }
    names.emplace_back(name);
    if (end == rest.npos) break;
    rest.remove_prefix(end + 1);
  }
  demand.names_ = std::make_shared<const std::vector<std::string>>(std::move(names));
  return demand;
}

std::string CertificateDemand::to_string() const {
  if (names_ != nullptr) return fmt::format("{}", fmt::join(*names_, ","));
  return any_ ? "any" : "off";
}

bool CertificateDemand::admits_dns(std::string_view name) const {
  if (names_ == nullptr) return any_;
  return std::any_of(names_->begin(), names_->end(), [&](std::string_view each) {
    if (is_uri(each)) return false;
    if (!each.starts_with("*.")) return equal_hosts(each, name);
    const auto label = name.find('.');
    return label != name.npos && label > 0 && equal_hosts(each.substr(1), name.substr(label));
  });
}

bool CertificateDemand::admits_uri(std::string_view uri) const {
  if (names_ == nullptr) return any_;
  return std::any_of(names_->begin(), names_->end(), [&](std::string_view each) {
    if (!is_uri(each) || !each.ends_with("/*")) return each == uri;
    const auto prefix = each.substr(0, each.size() - 1);
    return uri.size() > prefix.size() && uri.starts_with(prefix) && uri.find("/../") == uri.npos &&
           !uri.ends_with("/..");
  });
}

}  // namespace tandem::wire
