// limits.hpp: tokens, and what is said of those that are refused.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// An entry for each of ten thousand workers, and for the rotation of some; one has 250 bytes.
inline constexpr std::size_t credentials_max = 16'384;
inline constexpr std::size_t tokens_file_bytes_max = 8 * 1024 * 1024;
// Names, services and addresses of one entry; each heartbeat is compared with them.
inline constexpr std::size_t scope_items_max = 64;
// The old one and the new one, while a token is replaced.
inline constexpr std::size_t credentials_of_a_name_max = 2;
// In GET /status, those that end first: for people, who look for these.
inline constexpr std::size_t credentials_shown_max = 1'000;
inline constexpr unsigned credential_days_first_warning = 30;
inline constexpr unsigned credential_days_last_warning = 7;

// A stranger can be refused thousands of times a second.
inline constexpr std::size_t refusal_lines_max = 30;
inline constexpr auto refusal_lines_per = 60s;

}  // namespace tandem::limits
