// worker_handshake.hpp: the handshake of TLS with a worker, on a connection that was just made.
//
// In TLS 1.3 the worker looks at the certificate of this master when the handshake is done here,
// and may refuse it after the first request was sent (refusing_alert).
//
// A worker whose handshake fails has accepted a connection, so its process lives: that is no
// refusal (failed_handshake), whatever the reason. Owner: the loop of the connection.
#pragma once

#include <string>

#include "common/tls/worker_tls.hpp"
#include "master/forward/io/byte_stream.hpp"
#include "master/forward/io/task.hpp"
#include "master/forward/workers/worker_io.hpp"

namespace tandem::master {

// How a connection ends whose handshake has failed.
inline const ErrorCodeOs failed_handshake{EPROTO, boost::system::system_category()};

// Makes `connection`, which is connected to `worker`, speak TLS. The error is failed_handshake,
// also when the connection is cancelled; the reason is logged, now and then.
Task<IoResult> secure_connection(ByteStream& connection, tandem::tls::WorkerTlsPtr tls,
                                 std::string worker, tandem::tls::WorkerTls::Speaks protocol,
                                 BufferPool& buffers);

// The alert by which the worker has refused the handshake or this master's certificate, before it
// said anything on the connection: it has read no request there. 0: it has not.
unsigned refusing_alert(ByteStream& connection);

}  // namespace tandem::master
