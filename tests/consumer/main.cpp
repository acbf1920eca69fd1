// Uses the installed libraries as a stranger would: starts a worker, and asks it for its page, once
// with any client and once with Tandem's.
#include <tandem/client.hpp>
#include <tandem/worker.hpp>

#include <iostream>
#include <string>

#include <httplib.h>

int main() {
  tandem::WorkerOptions options;
  options.name = "consumer";
  options.listen = "127.0.0.1:0";
  tandem::Worker worker(options);
  worker.server().Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello\n", "text/plain");
  });
  if (const auto error = worker.start()) {
    std::cerr << *error << '\n';
    return 1;
  }
  httplib::Client client("http://" + worker.address());
  const auto answer = client.Get("/");
  tandem::ClientOptions client_options;
  client_options.masters = {worker.address()};
  const auto same = tandem::Client(client_options).Get("/");
  worker.stop();
  if (!same || same->body != "hello\n") {
    std::cerr << (same ? same->body : same.error().message) << '\n';
    return 1;
  }
  if (!answer || answer->status != 200 || answer->body != "hello\n") {
    std::cerr << "no good answer from " << worker.address() << '\n';
    return 1;
  }
  return 0;
}
