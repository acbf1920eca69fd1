// name_table.hpp: which certificate is for a host, by the names that certificates have. Pure.
//
// An exact name goes before a wildcard, which stands for one whole label at the left (RFC 6125
// §6.4.3): *.example.org is for www.example.org, not for example.org or a.b.example.org. Of those
// for the same name the one that was added first goes before the others. Whichever is of this time
// goes before all that are not, so that an expired one that was left behind hides no other. Names
// compare without case.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tandem::master::tls {

class NameTable {
 public:
  // `name` as a certificate has it, a wildcard or not.
  void add(std::string_view name, std::size_t certificate);
  // The certificate for that host, if any has its name: the first of those of which `is_of_time` is
  // true, or else of all of them.
  using IsOfTime = std::function<bool(std::size_t certificate)>;
  std::optional<std::size_t> find(std::string_view host, const IsOfTime& is_of_time) const;

 private:
  using Names = std::unordered_map<std::string, std::vector<std::size_t>>;

  Names exact_;
  Names wildcards_;  // what follows "*."
};

// As names are compared: small letters, without a dot at the end.
std::string canonical_name(std::string_view name);

}  // namespace tandem::master::tls
