// h2_caller.hpp: a client that speaks HTTP/2 by prior knowledge, one call at a time, on a
// connection that it keeps.
//
// As clients of HTTP/2 do, it sends a call again, on another connection, when the server says that
// it did nothing for it (REFUSED_STREAM, a stream above that of a GOAWAY), and nothing else twice.
// Owner of an object: one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "tests/e2e/harness/http.hpp"

namespace tandem::e2e {

class H2Connection;

class H2Caller {
 public:
  explicit H2Caller(std::string address, Milliseconds timeout = patience);
  ~H2Caller();
  H2Caller(H2Caller&&) noexcept;

  // As Client::send(), but for what is said of an answer that breaks off: its status, what has come
  // of its body, and an error.
  Answer send(const std::string& method, const std::string& path, const std::string& body,
              const Headers& headers = {});

 private:
  std::string address_;
  Milliseconds timeout_;
  std::unique_ptr<H2Connection> connection_;
};

}  // namespace tandem::e2e
