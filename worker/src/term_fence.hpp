// term_fence.hpp: a worker's side of R10 on the wire: requests carry Tandem-Term; those of a lower
// term than was promised are answered 409 with the promised one in Tandem-Term, and nothing of them
// is executed. OPTIONS * with Tandem-Term is how a new primary announces itself.
//
// OPTIONS * with Tandem-Challenge asks whether this is still the worker that the masters know, and
// not a program that has taken over its address; the answer is proven by each key.
//
// A term counts only with a proof by one of the keys that the masters gave
// (common/wire/term_proof.hpp): anybody can send a field. Without one the field is ignored, and the
// request is served as one that does not come from a master. What was promised belongs to its key,
// for terms of another cluster say nothing of this one's.
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
  // Sets the keys, which are few. What was promised under a key that stays is kept.
  void take_keys(const std::vector<std::string>& keys);

  // True when the request has been answered here.
  bool answers(const httplib::Request& request, httplib::Response& response);
  // The request comes from a master: its term is proven.
  bool is_proven(const httplib::Request& request);

  // Without keys nobody can prove anything.
  bool has_keys() const;

  // Under that key, or the highest of all when it is empty.
  Term promised(const std::string& key) const;

 private:
  struct Keyed {
    std::string key;
    core::WorkerFence fence;
    // The last value that was proven, and its term: masters send the same until the term changes.
    std::string proven;
    Term term;
  };
  Keyed* prover_of(const std::string& value) TANDEM_REQUIRES(mutex_);
  bool answers_challenge(const httplib::Request& request, httplib::Response& response);

  mutable Mutex mutex_;
  std::vector<Keyed> keyed_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
