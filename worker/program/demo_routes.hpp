// demo_routes.hpp: a demo service for trying out a cluster.
//
//   /health       200
//   /slow?ms=N    answers after N milliseconds, at most a minute
//   /status/NNN   answers with that status, 200 to 599
//   /bytes/N      N bytes, at most 1 GiB: the alphabet over and over
//   /echo         the request's body, any method
//   other paths   who served it, method, path and a counter: "w1 GET /path 17", or as JSON
//
// Every response names its worker in Tandem-Worker.
#pragma once

#include <functional>
#include <string>

namespace httplib {
class Server;
}

namespace tandem {

// `name` is called for each request, since the name is not known before the worker has its port.
void add_demo_routes(httplib::Server& server, std::function<std::string()> name);

}  // namespace tandem
