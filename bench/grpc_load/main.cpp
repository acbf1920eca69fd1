// bench-grpc_load: both ends of bench/grpc: a server that answers at once, and a client that times
// its calls.
//
//   bench-grpc_load server PORT
//   bench-grpc_load client ADDRESS CALLS AT_ONCE     prints the median and p99 in µs, and how many
//   failed
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "hello.grpc.pb.h"

namespace {

using hello::HelloReply;
using hello::HelloRequest;
using Clock = std::chrono::steady_clock;

class Greeter final : public hello::Greeter::Service {
  grpc::Status SayHello(grpc::ServerContext*, const HelloRequest* request,
                        HelloReply* reply) override {
    reply->set_message("hello " + request->name());
    return grpc::Status::OK;
  }
};

int serve(const std::string& port) {
  Greeter service;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + port, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

// One caller: the time of each call, in µs.
std::vector<double> call(hello::Greeter::Stub& stub, int calls, std::atomic<int>& failed) {
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(calls));
  HelloRequest request;
  request.set_name("world");
  for (int i = 0; i < calls; ++i) {
    grpc::ClientContext context;
    HelloReply reply;
    const auto begun = Clock::now();
    if (!stub.SayHello(&context, request, &reply).ok()) ++failed;
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
  }
  return times;
}

int load(const std::string& address, int calls, int at_once) {
  const auto stub =
      hello::Greeter::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::atomic<int> failed = 0;
  call(*stub, 100, failed);  // connects, and warms up
  std::vector<std::vector<double>> times(static_cast<std::size_t>(at_once));
  std::vector<std::thread> callers;
  for (auto& mine : times) {
    callers.emplace_back([&] { mine = call(*stub, calls / at_once, failed); });
  }
  for (auto& caller : callers) caller.join();
  std::vector<double> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  std::cout << "p50=" << all[all.size() / 2] << " p99=" << all[all.size() * 99 / 100]
            << " failed=" << failed << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "server" && argc == 3) return serve(argv[2]);
  if (role == "client" && argc == 5) return load(argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
  std::cerr << "bench-grpc_load server PORT | client ADDRESS CALLS AT_ONCE\n";
  return 2;
}
