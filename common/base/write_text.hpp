// write_text.hpp: what a program says on its standard output or standard error.
//
// fmt::print() throws when nobody takes the text, and a reader that has gone away must not end a
// program that serves.
#pragma once

#include <cstdio>
#include <string_view>

namespace tandem {

// Writes all of it at once, also where the stream is buffered. False, with errno, when the stream
// took less. Any thread.
bool write_text(std::FILE* stream, std::string_view text);

}  // namespace tandem
