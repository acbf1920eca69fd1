// client_certificate.hpp: X-Forwarded-Client-Cert, as Envoy has it: what a worker is told of the
// certificate that a client has shown, and what its service demands of that.
//
//   By=spiffe://shop/gateway;Hash=<SHA-256>;Subject="CN=web";URI=spiffe://shop/web;DNS=web.example
//
// A stranger's own field is never passed on. A trusted proxy's stays as it is, and speaks of its
// client; so does that of another master. So the last element of what the worker sees, whoever
// wrote it, is the client's certificate, and what is demanded is looked for there. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/http1/http_head.hpp"
#include "common/wire/certificate_demand.hpp"
#include "master/forward/http/sender.hpp"

namespace tandem::master {

// The element that speaks of the client; empty: it has shown none.
std::string_view client_certificate(const RequestHead& request, const Sender& sender);

// The element for a certificate of which nothing but its CN is known, by the word of whoever has
// verified it: Subject alone, as RFC 4514 has it, in visible ASCII.
std::string certificate_named(std::string_view common_name);

// The certificate that `element` speaks of is one that will do.
bool meets(const wire::CertificateDemand& demand, std::string_view element);

}  // namespace tandem::master
