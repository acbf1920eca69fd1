// hello_client: calls the Greeter through the masters, in all four ways, until SIGTERM.
//
//   hello_client MASTER[,MASTER...]     by their addresses for clients
//
// It knows nothing of Tandem: one channel has the addresses of all masters, and gRPC goes on at
// another one when a connection is lost. What may be repeated it repeats by its own retry policy
// (gRFC A6): SayHello. A stream that breaks is begun anew by whoever knows where it was, here by
// the loop that counts it.
//
// Each second a line says what has been done so far; at the end, how often a call failed that may
// be repeated. The exit status is 0 if none did.
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "hello.grpc.pb.h"

namespace {

using hello::Greeter;
using hello::HelloReply;
using hello::HelloRequest;
using namespace std::chrono_literals;

constexpr auto service_config = R"({
  "methodConfig": [{
    "name": [{"service": "hello.Greeter", "method": "SayHello"}],
    "retryPolicy": {
      "maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
})";

std::atomic<bool> stopping = false;

// How often each kind of call succeeded, and had to be begun anew.
struct Count {
  std::atomic<unsigned> good = 0;
  std::atomic<unsigned> broken = 0;
};
Count unary, server_stream, client_stream, chat;
std::mutex servers_mutex;
std::map<std::string, unsigned> servers;  // that answered SayHello

std::unique_ptr<grpc::ClientContext> context() {
  auto made = std::make_unique<grpc::ClientContext>();
  made->set_deadline(std::chrono::system_clock::now() + 10s);
  made->set_wait_for_ready(true);
  return made;
}

HelloRequest request(const std::string& name) {
  HelloRequest made;
  made.set_name(name);
  return made;
}

bool say_hello(Greeter::Stub& stub) {
  const auto each = context();
  HelloReply reply;
  const auto status = stub.SayHello(each.get(), request("world"), &reply);
  if (!status.ok()) {
    std::cerr << "SayHello failed: " << status.error_message() << '\n';
    return false;
  }
  const std::lock_guard lock(servers_mutex);
  ++servers[reply.server()];
  return reply.message() == "hello world";
}

bool countdown(Greeter::Stub& stub) {
  const auto each = context();
  const auto reader = stub.Countdown(each.get(), request("you"));
  unsigned seen = 0;
  for (HelloReply reply; reader->Read(&reply);) ++seen;
  return reader->Finish().ok() && seen == 20;
}

bool greet_all(Greeter::Stub& stub) {
  const auto each = context();
  HelloReply reply;
  const auto writer = stub.GreetAll(each.get(), &reply);
  for (const auto* name : {"ada", "grace", "barbara"}) {
    writer->Write(request(name));
    std::this_thread::sleep_for(20ms);
  }
  writer->WritesDone();
  return writer->Finish().ok() && reply.message() == "hello ada, grace, barbara";
}

bool talk(Greeter::Stub& stub) {
  const auto each = context();
  const auto stream = stub.Chat(each.get());
  HelloReply reply;
  for (int turn = 0; turn < 20; ++turn) {
    if (!stream->Write(request("again")) || !stream->Read(&reply)) break;
    std::this_thread::sleep_for(20ms);
  }
  stream->WritesDone();
  return stream->Finish().ok();
}

void repeat(Greeter::Stub& stub, bool (*call)(Greeter::Stub&), Count& count) {
  while (!stopping) ++(call(stub) ? count.good : count.broken);
}

void report() {
  std::cout << "SayHello " << unary.good << ", streams " << server_stream.good << " from and "
            << client_stream.good << " to the server, " << chat.good << " both ways; begun anew "
            << server_stream.broken + client_stream.broken + chat.broken << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "hello_client MASTER[,MASTER...]\n";
    return 2;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(service_config);
  // What a call is told to be for; gRPC would say the list of addresses, which is no authority.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "hello.example");
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  const auto channel = grpc::CreateCustomChannel(std::string("ipv4:") + argv[1],
                                                 grpc::InsecureChannelCredentials(), arguments);
  const auto stub = Greeter::NewStub(channel);

  std::vector<std::thread> threads;
  threads.emplace_back(repeat, std::ref(*stub), say_hello, std::ref(unary));
  threads.emplace_back(repeat, std::ref(*stub), countdown, std::ref(server_stream));
  threads.emplace_back(repeat, std::ref(*stub), greet_all, std::ref(client_stream));
  threads.emplace_back(repeat, std::ref(*stub), talk, std::ref(chat));
  for (const timespec second{1, 0}; sigtimedwait(&stop, nullptr, &second) < 0;) report();
  stopping = true;
  for (auto& thread : threads) thread.join();
  report();
  for (const auto& [server, calls] : servers) std::cout << server << " answered " << calls << '\n';
  std::cout << "calls that may be repeated and failed: " << unary.broken << std::endl;
  return unary.broken == 0 ? 0 : 1;
}
