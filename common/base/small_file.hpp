// small_file.hpp: files of a few kilobytes that a program keeps beside its log, or is given: read
// with a limit, and replaced whole.
//
// Whoever can put a file there can put a FIFO, a directory or /dev/zero there as well: none of them
// holds the reader up, or is read without end.
//
// Any thread; blocks for the disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// The content of a regular file. Errors, in the message why, without the path: `not_found`;
// `invalid` when it is no regular file or longer than `bytes_max`; `io`.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

// In one step: when this returns, the file is on the disk as it is to be, with mode 0600; after a
// failure or a crash it is as it was, or as it is to be. `draft` is in the same directory, and is
// written first; what lies there is removed. Errors: `io`, with the path.
Result<> replace_file(const std::string& path, std::string_view content, const std::string& draft);

}  // namespace tandem
