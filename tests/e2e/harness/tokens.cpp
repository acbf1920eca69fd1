#include "tests/e2e/harness/tokens.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include <stdexcept>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {

void Tokens::add(const std::string& key, const std::vector<std::string>& words) {
  const auto out = dir_.path(fmt::format("made-{}", ++made_));
  std::vector<std::string> command{program("tandem"), "token", "new", "--out", out};
  command.insert(command.end(), words.begin(), words.end());
  const auto made = run(command);
  if (made.status != 0) throw std::runtime_error(made.errors);
  auto text = read_file(out);
  text.pop_back();  // the end of the line
  texts_[key] = text;
  entries_[key] = made.output;
}

void Tokens::write(const std::string& more) const {
  std::string text;
  for (const auto& [key, entry] : entries_) text += entry + '\n';
  ::chmod(dir_.write("tokens.toml", text + more).c_str(), 0600);
}

void Tokens::give(const std::string& process, const std::string& key) {
  given_[process] = key;
  ::chmod(dir_.write(process + ".token", text(key) + '\n').c_str(), 0600);
}

}  // namespace tandem::e2e
