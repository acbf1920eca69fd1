// A connection that somebody has passed on (--proxy-protocol): whose it is, is what it says first,
// before TLS.
#include <algorithm>
#include <array>

#include "common/base/log.hpp"
#include "common/http/stream_socket.hpp"
#include "master/forward/client/address_ranges.hpp"
#include "master/forward/client/client_session.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/client/peek_more.hpp"
#include "master/forward/client/proxy_header.hpp"
#include "master/forward/http/client_certificate.hpp"

namespace tandem::master {

// Its peer is one of those who say that.
bool ClientSession::is_passed_on() const {
  if (!arrival_.has_proxy_header) return false;
  const auto& senders = context_.options().proxy_protocol;
  return !entrance_->inner && !senders.empty() && is_among(senders, address_);
}

// The header and nothing behind it is taken off the stream. False: there is none, or whose
// connection it is has as many as it may.
Task<bool> ClientSession::read_proxy_header() {
  context_.arm(deadline_, context_.timeouts().header_read);
  Buffer room = context_.buffers().borrow();
  const std::span<char> free(room.free_begin(),
                             std::min(room.free_size(), limits::proxy_header_bytes_max));
  ProxyHeader header;
  auto status = ProxyHeaderStatus::incomplete;
  for (std::size_t known = 0; status == ProxyHeaderStatus::incomplete;) {
    PeekMore peeking(connection_.socket(), free, known);
    const IoResult came = co_await peeking;
    if (!came.ok()) {
      if (pass_on(came)) co_return false;
      if (known > 0) refuse_proxy_header("it is not whole");
      co_return false;
    }
    known = came.bytes;
    status = parse_proxy_header({free.data(), known}, header);
  }
  untouched_ = false;
  deadline_.disarm();
  if (ending_) co_return false;
  // Another master of ours may be where a load balancer is, and says nothing.
  const bool may_lack = is_among(context_.options().uncounted_clients, address_);
  arrival_.has_proxy_header = false;
  if (status == ProxyHeaderStatus::absent && may_lack) co_return count_in(arrival_.peer);
  if (status != ProxyHeaderStatus::complete) {
    refuse_proxy_header(status == ProxyHeaderStatus::absent ? "it is not there"
                                                            : "it is malformed");
    co_return false;
  }
  if (!take_arrived(connection_.socket(), free, header.bytes)) co_return false;
  take_proxy_header(header);
  idle_since_ = context_.coarse_now();
  co_return count_in(arrival_.peer);
}

void ClientSession::take_proxy_header(const ProxyHeader& header) {
  if (header.source) {
    arrival_.peer = *header.source;
    address_ = numeric_text(arrival_.peer.address());
    trusted_ = is_among(context_.options().trusted_proxies, address_);
  }
  if (header.target_port == 0 && !header.tls) return;
  auto front = std::make_shared<FrontConnection>();
  if (header.target_port != 0) front->port = std::to_string(header.target_port);
  if (header.tls) {
    front->tls = true;
    front->version = header.tls->version;
    if (header.tls->certificate) front->certificate = certificate_named(*header.tls->certificate);
  }
  arrival_.front = std::move(front);
}

// An operator who has set up one side alone sees nothing else.
void ClientSession::refuse_proxy_header(std::string_view why) const {
  static thread_local Instant complains_from = Instant::never();
  if (context_.coarse_now() < complains_from) return;
  complains_from = context_.coarse_now() + limits::proxy_complaint;
  log::warn("proxy header refused from={} reason=\"{}\"", address_, why);
}

}  // namespace tandem::master
