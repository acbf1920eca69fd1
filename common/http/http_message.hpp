// http_message.hpp: a request of the control API and its answer, as handlers see them: plain
// structs, so that no handler knows which library reads the wire.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

namespace access {
struct Credential;
}
namespace tls {
struct Peer;
}

class ResponseStream;
struct DetachedChannel;

// The views are valid until the answer is given.
struct ControlRequest {
  std::string_view method;
  std::string_view path;           // begins with '/', not decoded
  std::string_view query;          // without '?'; empty when there is none
  std::string_view body;           // at most limits::control_body_bytes_max
  std::string_view authorization;  // the field's value; empty when there is none
  std::string_view host;           // of the target in absolute form, or the Host field
  std::string_view origin;    // the Origin field, which browsers send; empty when there is none
  std::string_view accept{};  // the Accept field
  std::string_view last_event_id{};  // the Last-Event-ID field, of readers of event streams
  std::string_view if_none_match{};  // the If-None-Match field
  std::string_view features{};       // the Tandem-Features field, of other members
  std::string_view upgrade{};        // the Upgrade field
  std::string_view unreached{};      // the Tandem-Unreached field, of masters
  std::string_view peer;             // the numeric address it came from
  std::string_view on_behalf_of{};   // the Tandem-On-Behalf-Of field, of masters
  bool passed_on = false;            // by another master: Tandem-Passed-On is there
  bool proxied = false;              // by a proxy: Via, Forwarded or X-Forwarded-For is there
  // Who the caller is by its certificate; null: there is no TLS.
  std::shared_ptr<const access::Credential> certified{};
  const tls::Peer* certificate = nullptr;  // that one; null as well where the caller repeats itself
  // Who was admitted; null: nobody in particular, for no secret is asked for, or not of this one.
  const access::Credential* caller = nullptr;
};

struct ControlResponse {
  unsigned status = 200;
  std::string body{};
  std::string_view content_type = "application/json";         // of static storage
  std::vector<std::pair<std::string, std::string>> fields{};  // additional fields
  bool trusts = false;  // only members and workers send such a request
  // Requests like this one will follow on its connection: HttpServerOptions::at_once answers them.
  bool repeats = false;
  // What follows the body, until it ends (response_stream.hpp); null: nothing.
  std::shared_ptr<ResponseStream> stream{};
  std::shared_ptr<const void> kept_until_sent{};  // released then, or when it cannot be sent
  // With status 101: takes the connection once the answer has been written, and nothing was sent
  // ahead of it. Not called when the connection breaks before.
  std::function<void(std::shared_ptr<DetachedChannel>)> take_over{};
};

}  // namespace tandem
