// small_file.hpp: files of a few kilobytes that a program keeps beside its log, or that its user
// passes: read with a limit, and replaced as a whole.
//
// A user who can put a file there can also put a FIFO, a directory or /dev/zero there: none of them
// blocks the reader, or is read without end.
//
// Any thread; blocks for the disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// Returns the content of a regular file. Errors, with the reason but not the path in the message:
// `not_found`; `invalid` when it is not a regular file or longer than `bytes_max`; `io`.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

// As above, for a file that holds secrets: `invalid` also when users other than its owner and those
// of its group have any right to it. What is mounted for a program that is not root is its group's.
Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max);

// Replaces a file atomically: when this returns, the new content is on the disk, with mode 0600;
// after a failure or a crash the file has the old content or the new one. `draft` is in the same
// directory and is written first; a file that is already there is removed. Errors: `io`, with the
// path.
Result<> replace_file(const std::string& path, std::string_view content, const std::string& draft);

}  // namespace tandem
