// hello_service: a cpp-httplib program that is a worker of a Tandem cluster.
#include <csignal>
#include <iostream>

#include <httplib.h>
#include <tandem/worker.hpp>

int main(int argc, char** argv) {
  tandem::WorkerOptions options;
  options.masters.assign(argv + 1, argv + argc);  // control addresses: 127.0.0.1:7070 ...
  options.log = [](tandem::Severity, const std::string& line) { std::cerr << line << '\n'; };

  sigset_t stop;  // before any thread is started, so that none of them is interrupted
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  tandem::Worker worker(options);
  worker.server().Get("/", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello from " + worker.name() + "\n", "text/plain");
  });
  if (const auto error = worker.start()) {
    std::cerr << *error << '\n';
    return 1;
  }
  std::cout << "serving on " << worker.address() << std::endl;

  int received = 0;
  sigwait(&stop, &received);
  worker.stop();  // says goodbye to the masters, then finishes what is in flight
}
