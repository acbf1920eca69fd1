#include "ctl/token.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ctl/new_file.hpp"

namespace tandem::ctl {

Result<std::string> new_token(const access::EntryText& entry, const std::string& file,
                              Format format) {
  const auto token = access::new_token();
  auto text = token_entry(entry, token, format);
  if (!text) return text;
  if (!file.empty()) {
    const auto written = write_new_file(file, token + '\n', 0600, "--out");
    if (!written) return written.error();
    return text;
  }
  if (format == Format::json) {
    auto document = nlohmann::ordered_json::parse(*text);
    document["token"] = token;
    return document.dump();
  }
  return fmt::format(
      "The token, which is shown this once; it goes into a file with mode 0600, for --token-file:\n"
      "\n{}\n\nIts entry in the --tokens-file of each master:\n\n{}",
      token, *text);
}

Result<std::string> token_entry(const access::EntryText& entry, const std::string& token,
                                Format format) {
  const auto hash = access::hash_of(token);
  auto text = access::write_entry(entry, hash);
  if (!text || format == Format::tables) return text;
  const nlohmann::ordered_json document{
      {"name", entry.name}, {"role", to_string(entry.role)}, {"sha256", hash}, {"entry", *text}};
  return document.dump();
}

}  // namespace tandem::ctl
