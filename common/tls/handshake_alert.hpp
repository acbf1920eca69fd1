// handshake_alert.hpp: the alerts of TLS by which one side refuses a handshake, or the certificate
// that it was shown, in words (RFC 8446 §6.2).
//
// In TLS 1.3 a client has done its part before the server has looked at the client's certificate,
// so such an alert may come after the client's first request. Pure.
#pragma once

#include <string_view>

namespace tandem::tls {

// Empty: no such alert, but one about what came after the handshake, or none at all.
constexpr std::string_view handshake_alert(unsigned code) {
  switch (code) {
    case 40: return "handshake failure";
    case 42: return "bad certificate";
    case 43: return "unsupported certificate";
    case 44: return "certificate revoked";
    case 45: return "certificate expired";
    case 46: return "certificate unknown";
    case 48: return "unknown ca";
    case 49: return "access denied";
    case 51: return "decrypt error";
    case 71: return "insufficient security";
    case 116: return "certificate required";
    default: return {};
  }
}

}  // namespace tandem::tls
