// name_table.hpp: which certificate is for a host, by the names that certificates have. Pure.
//
// An exact name goes before a wildcard, which stands for one whole label at the left (RFC 6125
// §6.4.3): *.example.org is for www.example.org, not for example.org or a.b.example.org. Of two
// certificates with the same name the one that was added first has it. Names compare without case.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tandem::master::tls {

class NameTable {
 public:
  // `name` as a certificate has it, a wildcard or not.
  void add(std::string_view name, std::size_t certificate);
  // The certificate for that host; none has its name: the first, 0.
  std::size_t find(std::string_view host) const;

 private:
  std::unordered_map<std::string, std::size_t> exact_;
  std::unordered_map<std::string, std::size_t> wildcards_;  // what follows "*."
};

// As names are compared: small letters, without a dot at the end.
std::string canonical_name(std::string_view name);

}  // namespace tandem::master::tls
