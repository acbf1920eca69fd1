#include "master/forward/tls/name_table.hpp"

#include <algorithm>

namespace tandem::master::tls {

std::string canonical_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

void NameTable::add(std::string_view name, std::size_t certificate) {
  const auto text = canonical_name(name);
  auto& all = text.starts_with("*.") ? wildcards_[text.substr(2)] : exact_[text];
  all.push_back(certificate);
}

std::optional<std::size_t> NameTable::find(std::string_view host,
                                           const IsOfTime& is_of_time) const {
  const auto text = canonical_name(host);
  const auto dot = text.find('.');
  const bool has_label = dot != text.npos && dot != 0;
  const auto exact = exact_.find(text);
  const auto wildcard = has_label ? wildcards_.find(text.substr(dot + 1)) : wildcards_.end();
  std::optional<std::size_t> first;
  for (const auto* const all : {exact == exact_.end() ? nullptr : &exact->second,
                                wildcard == wildcards_.end() ? nullptr : &wildcard->second}) {
    if (all == nullptr) continue;
    const auto of_time = std::find_if(all->begin(), all->end(), is_of_time);
    if (of_time != all->end()) return *of_time;
    if (!first) first = all->front();
  }
  return first;
}

}  // namespace tandem::master::tls
