#include "tests/e2e/harness/nginx.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/e2e/harness/http.hpp"

namespace tandem::e2e {
namespace {

constexpr auto configuration = R"({user}
worker_processes 1;
daemon off;
pid {files}.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {files}.body;
    proxy_temp_path {files}.proxy;
    fastcgi_temp_path {files}.fastcgi;
    uwsgi_temp_path {files}.uwsgi;
    scgi_temp_path {files}.scgi;
    default_type application/octet-stream;
    server {{
        listen {address};
        root {served};
    }}
}}
)";

std::vector<std::string> command(const TempDir& dir, const std::string& name,
                                 const std::string& address, const std::string& served) {
  const std::string user = geteuid() == 0 ? "user root;" : "";  // else it takes that of nobody
  const std::string text =
      fmt::format(configuration, fmt::arg("user", user), fmt::arg("files", dir.path(name)),
                  fmt::arg("address", address), fmt::arg("served", served));
  return {*installed("nginx"),
          "-e",
          "stderr",
          "-p",
          dir.path(""),
          "-c",
          dir.write(name + ".conf", text)};
}

}  // namespace

Nginx::Nginx(const TempDir& dir, const std::string& name, const std::string& served)
    : address_(free_address()), process_(dir, name, command(dir, name, address_, served)) {
  eventually([&] { return !process_.running() || get(address_, "/").status != 0; });
  if (!process_.running()) {
    throw std::runtime_error("nginx did not come up: " + process_.errors());
  }
}

}  // namespace tandem::e2e
