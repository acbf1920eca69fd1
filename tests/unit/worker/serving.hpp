// serving.hpp: a server of the worker's kind on a free port, for tests of routes.
#pragma once

#include <catch2/catch.hpp>

#include "worker/src/connection_server.hpp"
#include "worker/src/request_stream.hpp"

namespace tandem::test {

class Serving {
 public:
  // Adds the routes with `add`, then opens.
  explicit Serving(const std::function<void(httplib::Server&)>& add) {
    add(server_);
    auto opened = server_.open({"127.0.0.1", 0}, 16);
    REQUIRE(opened.ok());
    address_ = *opened;
  }
  httplib::Client client() const {
    httplib::Client client(address_.host, address_.port);
    client.set_read_timeout(20);
    client.set_url_encode(false);  // paths go out as they are written
    return client;
  }
  const Endpoint& address() const { return address_; }

 private:
  ConnectionServer server_;
  Endpoint address_;
};

}  // namespace tandem::test
