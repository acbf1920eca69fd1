#include "common/access/tokens_file.hpp"

#include <sys/random.h>

#include <array>
#include <set>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "common/base/ascii.hpp"
#include "common/access/limits.hpp"
#include "common/base/assert.hpp"
#include "common/base/name.hpp"
#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"

namespace tandem::access {

namespace {

constexpr std::string_view keys =
    "name, role, sha256, names, services, addresses, witness and until";

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

// A name, or the beginning of names and '*'.
bool is_name_or_beginning(std::string_view text) {
  if (text == "*") return true;
  return is_name(text.ends_with('*') ? text.substr(0, text.size() - 1) : text);
}

bool is_name_or_any(std::string_view text) { return text == "*" || is_name(text); }

std::optional<std::string> hash_in(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  std::string digits;
  for (const char c : text) {
    if (!is_hex_digit(to_lower(c))) return std::nullopt;
    digits += to_lower(c);
  }
  return digits;
}

// One [[token]].
class EntryReader {
 public:
  EntryReader(const toml::table& table, std::string_view path) : table_(table), path_(path) {
    entry_.line = line_of(table);
  }

  Result<Credential> read() {
    static const std::set<std::string_view> known{"name",     "role",      "sha256",  "names",
                                                  "services", "addresses", "witness", "until"};
    for (const auto& [key, value] : table_) {
      if (!known.contains(key.str())) {
        return refuse(value, fmt::format("an entry has no such key, only {}", keys));
      }
    }
    for (const auto step : {&EntryReader::read_who, &EntryReader::read_hash,
                            &EntryReader::read_scope, &EntryReader::read_until}) {
      if (auto done = (this->*step)(); !done) return done.error();
    }
    return std::move(entry_);
  }

 private:
  Error refuse(const toml::node& at, std::string_view why) const {
    return invalid(fmt::format("{}:{}: {}", path_, line_of(at), why));
  }

  // The value of a key that must be there.
  Result<std::string> text_of(std::string_view key) const {
    const auto* node = table_.get(key);
    if (node == nullptr) return refuse(table_, fmt::format("an entry needs {}", key));
    if (const auto* text = node->as_string()) return text->get();
    return refuse(*node, fmt::format("{} must be a string in quotes", key));
  }

  Result<> read_who() {
    auto name = text_of("name");
    if (!name) return name.error();
    if (!is_name(*name)) {
      return refuse(*table_.get("name"), "name must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    }
    entry_.name = std::move(*name);
    const auto text = text_of("role");
    if (!text) return text.error();
    const auto role = role_of(*text);
    if (!role) {
      return refuse(*table_.get("role"), "role must be viewer, worker, operator, master or all");
    }
    entry_.role = *role;
    return {};
  }

  Result<> read_hash() {
    const auto text = text_of("sha256");
    if (!text) return text.error();
    auto hash = hash_in(*text);
    if (!hash) {
      return refuse(*table_.get("sha256"),
                    "sha256 must be 64 hexadecimal digits, the hash of the token as `tandem token "
                    "new` prints it, never the token itself");
    }
    entry_.sha256 = std::move(*hash);
    return {};
  }

  // The items of an array of strings; none when it is not there.
  Result<std::vector<std::string>> items_of(std::string_view key) const {
    std::vector<std::string> items;
    const auto* node = table_.get(key);
    if (node == nullptr) return items;
    const auto* array = node->as_array();
    if (array == nullptr || array->empty()) {
      return refuse(*node, fmt::format("{} must be an array of strings, not an empty one", key));
    }
    if (array->size() > limits::scope_items_max) {
      return refuse(*node, fmt::format("{} has at most {} items", key, limits::scope_items_max));
    }
    for (const auto& item : *array) {
      const auto* text = item.as_string();
      if (text == nullptr) return refuse(item, fmt::format("{} must be strings in quotes", key));
      items.push_back(text->get());
    }
    return items;
  }

  Result<> read_names(std::string_view key, bool (*is_good)(std::string_view),
                      std::string_view what, std::vector<std::string>& names) const {
    auto items = items_of(key);
    if (!items) return items.error();
    for (const auto& item : *items) {
      if (!is_good(item)) return refuse(*table_.get(key), fmt::format("{} must be {}", key, what));
    }
    if (!items->empty()) names = std::move(*items);
    return {};
  }

  Result<> read_scope() {
    if (entry_.role != Role::worker) {
      for (const auto* key : {"names", "services", "addresses", "witness"}) {
        if (const auto* node = table_.get(key)) {
          return refuse(*node, fmt::format("{} is for the role worker alone", key));
        }
      }
      return {};
    }
    auto& scope = entry_.scope;
    scope.names = {entry_.name};
    auto read = read_names("names", is_name_or_beginning,
                           "names, or beginnings of names with * at the end", scope.names);
    if (!read) return read;
    read = read_names("services", is_name_or_any, "names, or \"*\" for any", scope.services);
    if (!read) return read;
    auto addresses = items_of("addresses");
    if (!addresses) return addresses.error();
    for (const auto& text : *addresses) {
      auto range = parse_address_range(text, "addresses");
      if (!range) return refuse(*table_.get("addresses"), range.error().message);
      scope.addresses.push_back(*range);
    }
    return read_witness();
  }

  Result<> read_witness() {
    const auto* node = table_.get("witness");
    if (node == nullptr) return {};
    const auto* witness = node->as_boolean();
    if (witness == nullptr) return refuse(*node, "witness must be true or false");
    auto& scope = entry_.scope;
    scope.witness = witness->get();
    const bool is_one = scope.names.size() == 1 && !scope.names.front().ends_with('*');
    if (!scope.witness || is_one) return {};
    return refuse(*node, "a witness has a token of its own: its entry must have one name, in full");
  }

  Result<> read_until() {
    const auto* node = table_.get("until");
    if (node == nullptr) return {};
    std::string text;
    if (const auto* day = node->as_date()) {
      const auto& [year, month, day_of_month] = day->get();
      text = fmt::format("{:04}-{:02}-{:02}", year, month, day_of_month);
    } else if (const auto* quoted = node->as_string()) {
      text = quoted->get();
    }
    const auto until = parse_last_day(text, "until");
    if (!until) return refuse(*node, until.error().message);
    entry_.until = *until;
    return {};
  }

  const toml::table& table_;
  const std::string_view path_;
  Credential entry_;
};

std::string quoted_list(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", item);
  return text;
}

}  // namespace

Result<Credentials> parse_tokens(std::string_view text, std::string_view path) {
  toml::table file;
  try {
    file = toml::parse(text);
  } catch (const toml::parse_error& error) {
    // Its description may quote the line, and that may hold a token.
    return invalid(fmt::format("{}:{}: this is no TOML", path, error.source().begin.line));
  }
  for (const auto& [key, node] : file) {
    if (key.str() != "token" || !node.is_array_of_tables()) {
      return invalid(fmt::format("{}:{}: the file has entries [[token]] and nothing else", path,
                                 line_of(node)));
    }
  }
  std::vector<Credential> all;
  const auto* entries = file["token"].as_array();
  if (entries == nullptr) {
    return invalid(
        fmt::format("{}: has no entry [[token]]: nobody could do anything; `tandem "
                    "token new` makes one",
                    path));
  }
  if (entries->size() > limits::credentials_max) {
    return invalid(fmt::format("{}: has more than {} entries", path, limits::credentials_max));
  }
  for (const auto& entry : *entries) {
    auto read = EntryReader(*entry.as_table(), path).read();
    if (!read) return read.error();
    all.push_back(std::move(*read));
  }
  return Credentials::of(std::move(all), path);
}

Result<Credentials> read_tokens_file(const std::string& path, std::string_view field) {
  const auto named = [&](std::string message) {
    return invalid(fmt::format("{}: {}", field, message), std::string(field));
  };
  const auto text = read_private_file(path, limits::tokens_file_bytes_max);
  if (!text) return named(fmt::format("{} {}", path, text.error().message));
  auto credentials = parse_tokens(*text, path);
  if (!credentials) return named(credentials.error().message);
  return credentials;
}

Result<std::string> write_entry(const EntryText& entry, std::string_view sha256) {
  constexpr std::string_view characters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*:/";
  auto text = fmt::format("[[token]]\nname = \"{}\"\nrole = \"{}\"\nsha256 = \"{}\"\n", entry.name,
                          to_string(entry.role), sha256);
  for (const auto& [key, items] : {std::pair("names", &entry.names),
                                   {"services", &entry.services},
                                   {"addresses", &entry.addresses}}) {
    for (const auto& item : *items) {
      if (item.find_first_not_of(characters) == item.npos) continue;
      return invalid(fmt::format("{} cannot hold \"{}\"", key, printable(item.substr(0, 64))));
    }
    if (!items->empty()) text += fmt::format("{} = [{}]\n", key, quoted_list(*items));
  }
  if (entry.witness) text += "witness = true\n";
  if (!entry.until.empty()) {
    const auto until = parse_last_day(entry.until, "until");
    if (!until) return until.error();
    text += fmt::format("until = {}\n", until->to_string());
  }
  const auto read = parse_tokens(text, "");
  if (read) return text;
  // ":LINE: " of a file that there is not yet.
  auto why = read.error().message;
  return invalid(why.substr(why.find(": ") + 2));
}

std::string new_token() {
  std::array<unsigned char, 33> random{};  // 256 bits, and a byte to make 44 characters
  const auto got = ::getrandom(random.data(), 32, 0);
  TANDEM_ASSERT(got == 32);
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = "tdm_";
  for (std::size_t i = 0; i < random.size(); i += 3) {
    const unsigned bits = random[i] << 16 | random[i + 1] << 8 | random[i + 2];
    for (const unsigned shift : {18u, 12u, 6u, 0u}) text += digits[bits >> shift & 63];
  }
  text.pop_back();  // without padding
  return text;
}

}  // namespace tandem::access
