// registration_checks.hpp: what the options of a Registration may be. Errors are `invalid`, a
// sentence that names the option.
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/tls/clear_text.hpp"
#include "tandem/worker.hpp"

namespace tandem {

// An address that can be connected to. Errors: it is none, or its port is 0.
Result<Endpoint> parse_address(const std::string& text, const char* field);

// Numbers that are out of their ranges; too many masters.
Result<> check_numbers(const RegistrationOptions& options);

// The token of its file; empty when none is named. Blocks for the disk.
Result<std::string> token_of(const RegistrationOptions& options);

// Where the worker, the masters and its witness may speak to each other without TLS.
tls::ClearText clear_text_of(const RegistrationOptions& options);

// Each address of `masters` in its option's form. Errors: also when one would be spoken to in clear
// text, and may not.
Result<std::vector<Endpoint>> parse_masters(const RegistrationOptions& options);

// Where the witness listens, numeric. Errors: likewise. Blocks on the resolver.
Result<std::optional<Endpoint>> witness_address(const RegistrationOptions& options);

}  // namespace tandem
