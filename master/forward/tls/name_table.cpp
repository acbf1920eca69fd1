#include "master/forward/tls/name_table.hpp"

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
  auto text = canonical_name(name);
  if (text.starts_with("*.")) {
    wildcards_.try_emplace(text.substr(2), certificate);
  } else {
    exact_.try_emplace(std::move(text), certificate);
  }
}

std::size_t NameTable::find(std::string_view host) const {
  const auto text = canonical_name(host);
  if (const auto exact = exact_.find(text); exact != exact_.end()) return exact->second;
  const auto dot = text.find('.');
  if (dot == text.npos || dot == 0) return 0;
  const auto wildcard = wildcards_.find(text.substr(dot + 1));
  return wildcard == wildcards_.end() ? 0 : wildcard->second;
}

}  // namespace tandem::master::tls
