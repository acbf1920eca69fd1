// write_text.hpp: writes text to standard output or standard error.
//
// fmt::print() throws when the write fails, and a reader that has gone away must not end a program
// that serves.
#pragma once

#include <cstdio>
#include <string_view>

namespace tandem {

// Writes and flushes the whole text. False, with errno set, when the stream took less. Any thread.
bool write_text(std::FILE* stream, std::string_view text);

}  // namespace tandem
