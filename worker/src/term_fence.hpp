// term_fence.hpp: a worker's side of R10 on the wire: requests carry Tandem-Term; those of a lower
// term than was promised are answered 409 with the promised one in Tandem-Term, and nothing of them
// is executed. OPTIONS * with Tandem-Term is how a new primary announces itself.
//
// Requests without the field are served: they do not come from a master.
//
// Any thread.
#pragma once

#include <mutex>

#include "common/base/strong.hpp"
#include "common/core/worker_fence.hpp"

namespace httplib {
struct Request;
struct Response;
}  // namespace httplib

namespace tandem {

class TermFence {
 public:
  // True when the request has been answered here.
  bool answers(const httplib::Request& request, httplib::Response& response);

  Term promised() const;

 private:
  mutable std::mutex mutex_;
  core::WorkerFence fence_;
};

}  // namespace tandem
