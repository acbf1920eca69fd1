// nearest_word.hpp: which known word somebody may have meant who wrote an unknown one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// The known word that the fewest typing errors (a character more, less, other, or two exchanged)
// turn into `written`; the first of several. Empty: none is near enough to be worth a message, that
// is a third of the word's length, or one begins with the other.
std::string nearest_word(std::string_view written, const std::vector<std::string>& known);

// "; did you mean NAME?", or nothing; `before` and `after` enclose the name.
std::string did_you_mean(std::string_view written, const std::vector<std::string>& known,
                         std::string_view before = "\"", std::string_view after = "\"");

}  // namespace tandem
