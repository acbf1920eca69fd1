// control_client.hpp: asks masters over their control API, one after the other, until one can
// answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"

namespace tandem::ctl {

class ControlClient {
 public:
  struct Reply {
    int status = 0;
    std::string body;
  };

  // REQUIRES: at least one master.
  // `token`: presented to them; empty: none. `credentials`: they are asked over TLS; null: in
  // clear.
  explicit ControlClient(std::vector<Endpoint> masters, std::string token = {},
                         tls::CurrentCredentialsPtr credentials = {})
      : masters_(std::move(masters)),
        token_(std::move(token)),
        credentials_(std::move(credentials)) {}

  // Another master of the same cluster, asked alike.
  ControlClient at(Endpoint master) const {
    return ControlClient({std::move(master)}, token_, credentials_);
  }

  // The body of the first good answer. A master that does not answer, or answers that it cannot
  // serve this (5xx), is passed over. Errors: `unavailable`, saying what each said, when none is
  // left; `invalid`, with the master's own sentence, when one refuses the request itself.
  Result<std::string> get(const std::string& path) const { return ask("GET", path, {}); }
  Result<std::string> post(const std::string& path, const std::string& body = {}) const {
    return ask("POST", path, body);
  }
  // The master may take `longer` than usual.
  Result<std::string> post_waiting(const std::string& path, Duration longer) const {
    return ask("POST", path, {}, longer);
  }
  Result<std::string> put(const std::string& path, const std::string& body) const {
    return ask("PUT", path, body);
  }
  Result<std::string> remove(const std::string& path) const { return ask("DELETE", path, {}); }
  // The answer as it is, also a refusal (4xx). The master may take `longer` than usual.
  // Errors: `unavailable`, as above.
  Result<Reply> exchange(const std::string& method, const std::string& path,
                         Duration longer) const {
    return exchange(method, path, {}, longer);
  }

 private:
  Result<std::string> ask(const std::string& method, const std::string& path,
                          const std::string& body, Duration longer = Duration::zero()) const;
  Result<Reply> exchange(const std::string& method, const std::string& path,
                         const std::string& body, Duration longer) const;

  std::vector<Endpoint> masters_;
  std::string token_;
  tls::CurrentCredentialsPtr credentials_;
};

}  // namespace tandem::ctl
