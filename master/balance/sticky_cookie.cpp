#include "master/balance/sticky_cookie.hpp"

#include <fmt/format.h>

namespace tandem::master {

std::string StickyCookie::set_cookie(std::string_view value) const {
  auto text = fmt::format("{}={}; Path={}; HttpOnly; SameSite={}", spec_.name, value, spec_.path,
                          wire::to_string(spec_.same_site));
  if (spec_.max_age) text += fmt::format("; Max-Age={}", *spec_.max_age);
  if (!spec_.domain.empty()) text += fmt::format("; Domain={}", spec_.domain);
  return text;
}

}  // namespace tandem::master
