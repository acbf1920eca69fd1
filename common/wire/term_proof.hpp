// term_proof.hpp: how a master proves its term to a worker, so that nobody else can raise the
// worker's term.
//
// The cluster has a secret, made when it was founded and replicated to the masters only. A key for
// each worker is derived from it, and sent with the answers to the worker's heartbeats:
//
//   key   = HMAC-SHA-256(secret, "worker NAME INCARNATION"), 32 bytes
//   Tandem-Term: N.MAC with MAC = HMAC-SHA-256(key, "term N"), cut to 16 bytes
//   Tandem-Answer: HMAC-SHA-256(key, "answer CHALLENGE"), cut to 16 bytes, to a Tandem-Challenge
//
// all in lower-case hexadecimal digits, except N, which is decimal. A worker ignores a Tandem-Term
// without a proof by its key, and so does a master when a worker refuses a request with one. A
// stranger who learns a worker's key can deceive that one worker only.
//
// Pure. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/strong.hpp"

namespace tandem::wire {

inline constexpr std::size_t secret_bytes = 32;  // of the cluster's secret

// The key of one start of one worker.
std::string worker_key(std::string_view secret, std::string_view name,
                       std::string_view incarnation);

// The value of Tandem-Term.
std::string proven_term(Term term, std::string_view key);

// The term in a value of Tandem-Term; nothing unless it is proven by `key`. False for any value
// when the key is empty.
std::optional<Term> read_proven_term(std::string_view value, std::string_view key);

// A fresh random Tandem-Challenge, and the Tandem-Answer to one. Only the worker that was given the
// key knows the answer, so a program that has taken over its address is recognised. Names as in
// name.hpp; empty for anything else.
std::string new_challenge();
std::string answer_to_challenge(std::string_view challenge, std::string_view key);

}  // namespace tandem::wire
