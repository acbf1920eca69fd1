#include "master/balance/sticky_cookie.hpp"

#include <fmt/format.h>

namespace tandem::master {

std::string StickyCookie::set_cookie(std::string_view value) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax", name_, value);
}

}  // namespace tandem::master
