// api_router.hpp: which handler answers which method and path of the control API.
//
// A pattern is a path in which one segment may be {name}: "/v1/workers/{name}/drain". HEAD is
// answered as GET is, the server leaves out the body. No such path: 404; another method: 405 with
// Allow.
//
// Routes that change the state of the cluster are of a kind of their own: they wait for a commit,
// and only the primary can answer them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "common/http/http_message.hpp"

namespace tandem::master {

class ApiRouter {
 public:
  // `name` is what stands in the place of {name}; empty when the pattern has none.
  using Handler = std::function<ControlResponse(const ControlRequest&, std::string_view name)>;
  // The same, which may suspend.
  using AwaitedHandler = std::function<boost::asio::awaitable<ControlResponse>(
      const ControlRequest&, std::string_view name)>;

  // REQUIRES: no route with the same method and pattern.
  void add(std::string_view method, std::string_view pattern, Handler handler);
  void add_awaited(std::string_view method, std::string_view pattern, AwaitedHandler handler);
  void add_change(std::string_view method, std::string_view pattern, AwaitedHandler handler);

  // True when the request's route changes the state of the cluster.
  bool is_change(const ControlRequest& request) const;
  // What `request` views must outlive the answer.
  boost::asio::awaitable<ControlResponse> handle(const ControlRequest& request) const;

 private:
  struct Route {
    std::string method;
    std::string before;  // the pattern up to {name}; all of it when there is none
    std::string after;   // the rest
    bool has_name = false;
    Handler handler;         // either this
    AwaitedHandler awaited;  // or that
    bool is_change = false;

    // What stands for {name}; nothing when the path is another.
    bool matches(std::string_view path, std::string_view& name) const;
  };
  void add_route(std::string_view method, std::string_view pattern, Route route);
  // The route for it, and what stands for {name}; null: none, and `allowed` lists other methods.
  const Route* find(const ControlRequest& request, std::string_view& name,
                    std::string& allowed) const;

  std::vector<Route> routes_;
};

}  // namespace tandem::master
