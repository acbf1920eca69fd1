// raw_h2_connection.hpp: a connection of RawServer that speaks HTTP/2.
//
// Each request has a thread of its own, and answers come when they come. A reply that is to be
// broken off is sent as far as it goes, and then its stream is reset, or the whole connection with
// all streams on it, at random.
#pragma once

#include <string>

#include "tests/e2e/raw_server.hpp"

namespace tandem::e2e {

// `input` begins with the preface; more may follow.
bool speaks_h2(const std::string& input);

// Until the connection has ended. `handler` outlives the program's threads.
void serve_h2(int socket, const std::string& input, const RawServer::Handler& handler);

}  // namespace tandem::e2e
