// tokens_file.hpp: --tokens-file, a TOML file of who may do what, private as a token file is:
//
//   [[token]]
//   name = "w1"                  who it is; of a master that of its node
//   role = "worker"              viewer, operator, master, worker, all
//   sha256 = "..."               of the token; the token itself is nowhere here
//   names = ["w1"]               of a worker, by default its name; "shop-*": all that begin so
//   services = ["shop"]          by default: default; "*": any
//   addresses = ["10.0.0.0/8"]   by default: the one that it calls from
//   witness = true               it may vote
//   until = 2027-01-31           the last day, in UTC
//
// Nothing is quoted in a sentence where a token might stand by mistake.
#pragma once

#include <string>
#include <string_view>

#include "common/access/credentials.hpp"
#include "common/base/result.hpp"

namespace tandem::access {

// Errors: `invalid`, naming `field`: cannot be read, no regular file, readable by others, longer
// than limits::tokens_file_bytes_max; or beginning with PATH:LINE, no TOML, a key or a value that
// is none, more than limits::credentials_max entries or scope_items_max items, or what
// Credentials::of() refuses.
Result<Credentials> read_tokens_file(const std::string& path, std::string_view field);
// The same of its content.
Result<Credentials> parse_tokens(std::string_view text, std::string_view path);

// What `tandem token new` was told of an entry, as texts.
struct EntryText {
  std::string name;
  Role role = Role::viewer;
  std::vector<std::string> names{};
  std::vector<std::string> services{};
  std::vector<std::string> addresses{};
  bool witness = false;
  std::string until{};
};
// The entry of a token with that hash, without the defaults. Errors: as parse_tokens(), without a
// line.
Result<std::string> write_entry(const EntryText& entry, std::string_view sha256);

// 256 random bits: "tdm_" and 43 characters of base64url (RFC 4648 §5). It is told apart from a
// hash, which is hexadecimal digits, and found by whoever searches files for secrets.
std::string new_token();

}  // namespace tandem::access
