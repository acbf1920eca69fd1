// api_router.hpp: the routing table of the control API: the description of an endpoint determines
// how its requests are treated.
//
// A path may have one segment {name}: "/v1/workers/{name}/drain". That segment must be a valid
// name, or the request is refused (400). Or it may end in {id}, which matches the rest, any text
// with slashes among it, percent-encoded. HEAD is answered like GET; the server leaves out the
// body. No such path: 404; another method: 405 with Allow.
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
  // `name` is the segment that {name} matched, or the text that {id} did, decoded; empty when the
  // path has none.
  using Handler = std::function<ControlResponse(const ControlRequest&, const std::string& name)>;
  // The same, which may suspend.
  using AwaitedHandler = std::function<boost::asio::awaitable<ControlResponse>(
      const ControlRequest&, const std::string& name)>;

  enum class Role {
    any,      // each master answers from its own knowledge
    primary,  // only the primary answers, once it may decide; a standby passes the request on to it
  };
  // Who may ask, where callers are asked for a token (common/access/role.hpp).
  enum class Access {
    by_method,  // GET: viewer; anything else changes something: operator_
    open,       // anyone, who then learns the status of the answer alone
    anyone,     // anyone, who learns nothing of the cluster by it
    viewer,
    operator_,
    master,
    worker,  // in the scope of its token
    viewer_or_worker,
    member,  // masters, and workers that may be witnesses
  };

  std::string_view method;  // of static storage, as is the path
  std::string_view path;
  Role role = Role::any;
  Access access = Access::by_method;
  // How long the caller wants the answer to wait for something besides a commit. Null: not at all.
  Duration (*wait)(const ControlRequest& request) = nullptr;
  // With Role::primary: waits, in the first moments of a cluster, until its masters are recorded.
  bool needs_masters = false;
  std::variant<Handler, AwaitedHandler> handler;
};

class ApiRouter {
 public:
  // REQUIRES: no endpoint with the same method and path.
  void add(ApiEndpoint endpoint);

  // The role of the endpoint that the request is for; the usual one when there is none.
  ApiEndpoint::Role role_of(const ControlRequest& request) const;
  Duration wait_of(const ControlRequest& request) const;
  bool needs_masters(const ControlRequest& request) const;
  // Never by_method: of what there is not, by its method.
  ApiEndpoint::Access access_to(const ControlRequest& request) const;
  // Whether there is something at that path that takes this method.
  bool knows(const ControlRequest& request) const { return find(request) != nullptr; }
  const std::vector<ApiEndpoint>& endpoints() const { return endpoints_; }

  // The text that `request` refers to must outlive the answer.
  boost::asio::awaitable<ControlResponse> handle(const ControlRequest& request) const;

 private:
  // The endpoint, and what {name} or {id} matched; null: none, and `allowed` lists other
  // methods of the path.
  const ApiEndpoint* find(const ControlRequest& request, std::string_view& name,
                          std::string& allowed) const;
  const ApiEndpoint* find(const ControlRequest& request) const;

  std::vector<ApiEndpoint> endpoints_;
};

}  // namespace tandem::master
