// limits.hpp: certificates and the keys of tickets.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Of --tls; each has a context of its own on each loop.
inline constexpr std::size_t certificates_max = 1'000;
// A file of --tls: a chain of ten large certificates is 30 KiB.
inline constexpr std::size_t certificate_bytes_max = 1024 * 1024;
// Names of one certificate; public authorities issue up to 100.
inline constexpr std::size_t certificate_names_max = 1'000;
// An operator is warned, in the log and by `tandem status`, when a certificate is valid for fewer
// days than these: certbot renews with 30 left.
inline constexpr int certificate_days_warned = 30;
inline constexpr int certificate_days_urgent = 7;
// How long a key of session tickets encrypts (--ticket-key-interval), by default and at most: its
// sessions are resumed for two intervals more, and RFC 8446 §4.6.1 ends that after seven days.
inline constexpr std::chrono::seconds ticket_key_interval = 12h;
inline constexpr std::chrono::seconds ticket_key_interval_max = 72h;
// How long a session is resumed: as long as a key decrypts that no longer encrypts.
inline constexpr std::chrono::seconds tls_session_max = 2 * ticket_key_interval;

// An answer of OCSP: with the certificate of who has signed it, two or three KiB; and by how much
// the clock of its authority may be ahead.
inline constexpr std::size_t ocsp_bytes_max = 64 * 1024;
inline constexpr std::chrono::seconds ocsp_clock_skew = 5min;
// Certificates between a client's own and one of --client-ca.
inline constexpr int client_chain_max = 8;
// What a client's chain may take of a handshake, in bytes, and its names and subject of
// X-Forwarded-Client-Cert.
inline constexpr std::size_t client_chain_bytes_max = 32 * 1024;
inline constexpr std::size_t client_names_bytes_max = 4 * 1024;
inline constexpr std::size_t client_subject_bytes_max = 1024;

}  // namespace tandem::limits
