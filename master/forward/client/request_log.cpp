#include "master/forward/client/request_log.hpp"

#include "common/base/clock.hpp"

namespace tandem::master {

void log_request(Context& context, Instant started, const AccessNote& note, std::string_view client,
                 const RequestHead& request, std::string_view request_id) {
  AccessRing* ring = context.access_ring();
  if (ring == nullptr) return;
  ring->push({.started = started,
              .duration = now() - started,
              .bytes = note.bytes,
              .term = note.term,
              .status = note.status,
              .attempts = note.attempts,
              .version = request.method().empty() ? 0u : static_cast<unsigned>(request.version()),
              .client = client,
              .method = request.method(),
              .target = request.sent_target(),
              .worker = note.worker(),
              .service = note.service,
              .request_id = request_id});
}

}  // namespace tandem::master
