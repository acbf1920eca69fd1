// hello_server: a gRPC service that is a worker of a Tandem cluster.
//
//   hello_server NAME LISTEN STATE_DIR MASTER...     masters by their control addresses
#include <chrono>
#include <csignal>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>
#include <tandem/worker.hpp>

#include "hello.grpc.pb.h"

namespace {

using grpc::ServerContext;
using grpc::Status;
using hello::HelloReply;
using hello::HelloRequest;

class Greeter final : public hello::Greeter::Service {
 public:
  explicit Greeter(std::string name) : name_(std::move(name)) {}

  Status SayHello(ServerContext*, const HelloRequest* request, HelloReply* reply) override {
    *reply = greeting(request->name());
    return Status::OK;
  }

  Status Countdown(ServerContext* context, const HelloRequest* request,
                   grpc::ServerWriter<HelloReply>* writer) override {
    for (int left = 20; left > 0 && !context->IsCancelled(); --left) {
      writer->Write(greeting(request->name() + " " + std::to_string(left)));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return Status::OK;
  }

  Status GreetAll(ServerContext*, grpc::ServerReader<HelloRequest>* reader,
                  HelloReply* reply) override {
    std::string names;
    for (HelloRequest request; reader->Read(&request);) {
      names += (names.empty() ? "" : ", ") + request.name();
    }
    *reply = greeting(names);
    return Status::OK;
  }

  Status Chat(ServerContext*, grpc::ServerReaderWriter<HelloReply, HelloRequest>* stream) override {
    for (HelloRequest request; stream->Read(&request);) stream->Write(greeting(request.name()));
    return Status::OK;
  }

 private:
  HelloReply greeting(const std::string& name) const {
    HelloReply reply;
    reply.set_message("hello " + name);
    reply.set_server(name_);
    return reply;
  }

  const std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "hello_server NAME LISTEN STATE_DIR MASTER...\n";
    return 2;
  }
  sigset_t stop;  // before any thread is started, so that none of them is interrupted
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Greeter greeter(argv[1]);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[2], grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&greeter);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;

  tandem::RegistrationOptions options;
  options.name = argv[1];
  options.address = "127.0.0.1:" + std::to_string(port);
  options.protocol = tandem::Protocol::http2;  // all that a gRPC service has to say besides
  options.connections = 1000;                  // calls at once
  options.state_dir = argv[3];
  options.masters.assign(argv + 4, argv + argc);
  options.log = [](tandem::Severity, const std::string& line) { std::cerr << line << '\n'; };
  tandem::Registration registration(options);
  if (const auto error = registration.start()) {
    std::cerr << *error << '\n';
    return 1;
  }
  std::cout << "hello_server ready name=" << argv[1] << " listen=" << options.address << std::endl;

  int received = 0;
  sigwait(&stop, &received);
  registration.stop();  // says goodbye to the masters, then the calls in flight are finished
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(10));
}
