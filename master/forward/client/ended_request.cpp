#include "master/forward/client/ended_request.hpp"

#include "common/base/clock.hpp"

namespace tandem::master {

void note_ended(Context& context, Instant started, const AccessNote& note, std::string_view client,
                const RequestHead& request, std::string_view request_id) {
  const auto duration = now() - started;
  const auto version = request.method().empty() ? 0u : static_cast<unsigned>(request.version());
  const bool begun = note.first_byte != Instant();
  context.request_counts().add({.service = note.service,
                                .is_http2 = version >= 20,
                                .status = note.status,
                                .attempts = note.attempts,
                                .response_bytes = note.bytes,
                                .duration = duration,
                                .first_byte = begun ? note.first_byte - started : Duration()});
  AccessRing* ring = context.access_ring();
  if (ring == nullptr) return;
  ring->push({.started = started,
              .duration = duration,
              .bytes = note.bytes,
              .term = note.term,
              .status = note.status,
              .attempts = note.attempts,
              .version = version,
              .client = client,
              .method = request.method(),
              .target = request.sent_target(),
              .worker = note.worker(),
              .service = note.service,
              .request_id = request_id});
}

}  // namespace tandem::master
