#include "common/cluster/message_reader.hpp"

#include <boost/asio.hpp>

#include "common/wire/limits.hpp"

namespace tandem::cluster {

namespace asio = boost::asio;

namespace {

using Envelope = Result<wire::ClusterEnvelope>;

Envelope read_now(std::string_view body, const StateCheck& state) {
  auto envelope = wire::parse_cluster_envelope(body);
  if (!envelope) return envelope;
  for (const auto& message : envelope->messages) {
    if (const auto good = check(message, state); !good) return good.error();
  }
  return envelope;
}

// An optional, because co_spawn() needs a result type that is default-constructible.
asio::awaitable<std::optional<Envelope>> read_there(std::string_view body,
                                                    const StateCheck& state) {
  co_return read_now(body, state);
}

}  // namespace

asio::awaitable<Envelope> MessageReader::read(std::string_view body) {
  if (body.size() <= limits::control_body_bytes_max) co_return read_now(body, check_);
  if (!thread_) thread_.emplace(1);
  auto reading = asio::co_spawn(*thread_, read_there(body, check_), asio::use_awaitable);
  auto envelope = co_await std::move(reading);
  co_return std::move(*envelope);
}

}  // namespace tandem::cluster
