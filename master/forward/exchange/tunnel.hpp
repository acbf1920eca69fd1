// tunnel.hpp: a client and its worker joined byte for byte, after 101 Switching Protocols (RFC 9110
// §7.8).
//
// Each direction ends by itself (half-close is passed on). The tunnel ends when both have ended,
// when either breaks, when nothing has moved for ForwardTimeouts::tunnel_idle, or when one side has
// accepted nothing for so long, whatever it sends itself. Memory: a buffer in each direction while
// bytes are on their way.
#pragma once

#include "master/forward/stream/message_stream.hpp"
#include "master/forward/exchange/context.hpp"

namespace tandem::master {

enum class TunnelEnd {
  orderly,  // both sides have said all, or the worker has, and something broke behind that
  broken,   // a side was reset, lost, or cut by a time-out
};

// `from_client` and `from_worker`: bytes that had arrived already. Both connections are
// spent afterwards.
Task<TunnelEnd> run_tunnel(Context& context, MessageStream& client, MessageStream& worker,
                           Buffer from_client, Buffer from_worker);

}  // namespace tandem::master
