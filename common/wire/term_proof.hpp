// term_proof.hpp: how a master proves its term to a worker, so that nobody else can move it.
//
// The cluster has a secret, made at its founding and replicated to the masters alone. From it each
// worker has a key of its own, which the answer to its heartbeat brings:
//
//   key   = HMAC-SHA-256(secret, "worker NAME INCARNATION"), 32 bytes
//   Tandem-Term: N.MAC with MAC = HMAC-SHA-256(key, "term N"), cut to 16 bytes
//   Tandem-Answer: HMAC-SHA-256(key, "answer CHALLENGE"), cut to 16 bytes, to a Tandem-Challenge
//
// all in lower-case hexadecimal digits, and N in decimal ones. A worker ignores a Tandem-Term
// without a proof by its key; so does a master one that a worker refuses a request with. A worker
// whose key is known to a stranger is that one worker.
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

// A Tandem-Challenge that nobody can have heard before, and the Tandem-Answer to one: only the
// worker that the key was given to knows it, so that a program that has taken over its address is
// told apart. Names as name.hpp has them; empty for anything else.
std::string new_challenge();
std::string answer_to_challenge(std::string_view challenge, std::string_view key);

}  // namespace tandem::wire
