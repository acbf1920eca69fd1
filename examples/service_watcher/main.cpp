// service_watcher: prints who serves a service whenever that changes, and downloads from it.
#include <csignal>
#include <iostream>

#include <tandem/client.hpp>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: service_watcher SERVICE CONTROL-ADDRESS...\n";
    return 2;
  }
  tandem::ClientOptions options;
  options.controls.assign(argv + 2, argv + argc);  // the client learns where the masters serve

  sigset_t stop;  // before any thread is started, so that none of them is interrupted
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  tandem::Client client(options);
  tandem::ClientStreams streams;
  streams.sink.emplace();  // of any length, a piece at a time
  streams.sink->write = [](std::string_view piece) { return bool(std::cout << piece); };
  const auto answer = client.stream("GET", "/", {}, streams);
  if (!answer) std::cerr << answer.error().message << '\n';

  tandem::WatchOptions watching;
  watching.failed = [](const tandem::ClientError& error) { std::cerr << error.message << '\n'; };
  const auto watch = client.watch(
      argv[1],
      [](const tandem::ServiceView& view) {
        std::cout << view.service << " is served by " << view.workers.size() << ":";
        for (const auto& worker : view.workers) std::cout << ' ' << worker.name;
        std::cout << " (says " << view.master << ")" << std::endl;
      },
      watching);

  int received = 0;
  sigwait(&stop, &received);
}
