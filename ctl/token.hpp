// token.hpp: `tandem token`: a new token and its entry for --tokens-file; no master is asked.
#pragma once

#include <string>

#include "common/access/tokens_file.hpp"
#include "common/base/result.hpp"
#include "ctl/commands.hpp"

namespace tandem::ctl {

// What is printed: the token, which is nowhere else, and its entry. With `file` the token goes
// there, for its owner alone (mode 0600), and what is printed is the entry. Errors: `invalid`, of
// the entry; `io`, naming the file, which must not exist.
Result<std::string> new_token(const access::EntryText& entry, const std::string& file,
                              Format format);

// The entry of a token that there is already.
Result<std::string> token_entry(const access::EntryText& entry, const std::string& token,
                                Format format);

}  // namespace tandem::ctl
