// api_router.hpp: the table of the control API: each endpoint says what it is, and from that
// follows how its requests are treated.
//
// A path may have one segment {name}: "/v1/workers/{name}/drain". What stands there is a name, or
// the request is refused (400). HEAD is answered as GET is; the server leaves out the body. No such
// path: 404; another method: 405 with Allow.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "common/base/time.hpp"
#include "common/http/http_message.hpp"

namespace tandem::master {

struct ApiEndpoint {
  // `name` is what stands in the place of {name}; empty when the path has none.
  using Handler = std::function<ControlResponse(const ControlRequest&, const std::string& name)>;
  // The same, which may suspend.
  using AwaitedHandler = std::function<boost::asio::awaitable<ControlResponse>(
      const ControlRequest&, const std::string& name)>;

  enum class Role {
    any,      // each master answers, by what it knows
    primary,  // the primary alone, once it may decide; a standby passes the request on to it
  };
  enum class Access {
    token,   // callers present the token, if there is one
    open,    // anyone
    member,  // other members of the cluster, as ClusterMember::admit() knows them
  };

  std::string_view method;  // of static storage, as is the path
  std::string_view path;
  Role role = Role::any;
  Access access = Access::token;
  // How long the caller wants the answer to wait for something, besides a commit. Null: not at all.
  Duration (*wait)(const ControlRequest& request) = nullptr;
  std::variant<Handler, AwaitedHandler> handler;
};

class ApiRouter {
 public:
  // REQUIRES: no endpoint with the same method and path.
  void add(ApiEndpoint endpoint);

  // Of the endpoint that the request is for; of an endpoint like most when there is none.
  ApiEndpoint::Role role_of(const ControlRequest& request) const;
  Duration wait_of(const ControlRequest& request) const;
  // Of the first endpoint with that path, whatever its method.
  ApiEndpoint::Access access_to(std::string_view path) const;

  // What `request` views must outlive the answer.
  boost::asio::awaitable<ControlResponse> handle(const ControlRequest& request) const;

 private:
  // The endpoint, and what stands for {name}; null: none, and `allowed` lists other methods.
  const ApiEndpoint* find(const ControlRequest& request, std::string_view& name,
                          std::string& allowed) const;
  const ApiEndpoint* find(const ControlRequest& request) const;

  std::vector<ApiEndpoint> endpoints_;
};

}  // namespace tandem::master
