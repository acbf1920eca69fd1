// term_fence.hpp: a worker's side of R10 on the wire: requests carry Tandem-Term; those with a
// lower term than the promised one are answered 409 with the promised term in Tandem-Term, and are
// not executed. A new primary announces itself with OPTIONS * and Tandem-Term.
//
// OPTIONS * with Tandem-Challenge asks whether this is still the worker that the masters know, and
// not a program that has taken over its address; the answer has a proof with each key.
//
// A term counts only with a proof by one of the keys from the masters (common/wire/term_proof.hpp),
// because anybody can send the field. Without a proof the field is ignored, and the request is
// served as one from a direct caller. Promises are kept for each key, because terms of different
// clusters are unrelated.
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/strong.hpp"
#include "common/core/worker_fence.hpp"

namespace httplib {
struct Request;
struct Response;
}  // namespace httplib

namespace tandem {

class TermFence {
 public:
  // Sets the keys, of which there are few. Promises for keys that stay are kept.
  void take_keys(const std::vector<std::string>& keys);

  // True when the fence has answered the request.
  bool answers(const httplib::Request& request, httplib::Response& response);
  // True when the request has a proven term, and so comes from a master.
  bool is_proven(const httplib::Request& request);

  // Whether there are keys; without them nothing can be proven.
  bool has_keys() const;

  // The promised term for `key`, or the highest of all if it is empty.
  Term promised(const std::string& key) const;

 private:
  struct Keyed {
    std::string key;
    core::WorkerFence fence;
    // The last proven value and its term: masters send the same value until the term changes.
    std::string proven;
    Term term;
  };
  Keyed* prover_of(const std::string& value) TANDEM_REQUIRES(mutex_);
  bool answers_challenge(const httplib::Request& request, httplib::Response& response);

  mutable Mutex mutex_;
  std::vector<Keyed> keyed_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
