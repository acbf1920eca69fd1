// interop-server NAME: a gRPC server that knows nothing of Tandem (libgrpc++), on a free port. It
// has gRPC's own health service. SIGTERM ends it.
#include <csignal>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>

#include "interop.grpc.pb.h"

namespace {

using namespace tandem::interop;
using grpc::ServerContext;
using grpc::Status;

constexpr auto initial_key = "x-grpc-test-echo-initial";
constexpr auto trailing_key = "x-grpc-test-echo-trailing-bin";

void echo_metadata(ServerContext& context) {
  const auto& sent = context.client_metadata();
  const auto text = [](const grpc::string_ref& value) {
    return std::string(value.data(), value.size());
  };
  if (const auto found = sent.find(initial_key); found != sent.end()) {
    context.AddInitialMetadata(initial_key, text(found->second));
  }
  if (const auto found = sent.find(trailing_key); found != sent.end()) {
    context.AddTrailingMetadata(trailing_key, text(found->second));
  }
}

template <class Request>
Status status_in(const Request& request) {
  const auto& wanted = request.response_status();
  return {static_cast<grpc::StatusCode>(wanted.code()), wanted.message()};
}

class Interop final : public TestService::Service {
 public:
  explicit Interop(std::string name) : name_(std::move(name)) {}

  Status EmptyCall(ServerContext* context, const Empty*, Empty*) override {
    echo_metadata(*context);
    return Status::OK;
  }

  Status UnaryCall(ServerContext* context, const UnaryRequest* request,
                   UnaryResponse* response) override {
    echo_metadata(*context);
    response->set_payload(std::string(static_cast<std::size_t>(request->response_size()), '\0'));
    response->set_server(name_);
    return status_in(*request);
  }

  Status StreamingInputCall(ServerContext* context, grpc::ServerReader<InputRequest>* reader,
                            InputResponse* response) override {
    echo_metadata(*context);
    int size = 0;
    for (InputRequest request; reader->Read(&request);) {
      size += static_cast<int>(request.payload().size());
    }
    response->set_payload_size(size);
    return Status::OK;
  }

  Status StreamingOutputCall(ServerContext* context, const OutputRequest* request,
                             grpc::ServerWriter<OutputResponse>* writer) override {
    echo_metadata(*context);
    respond(*context, *request, *writer);
    return status_in(*request);
  }

  Status FullDuplexCall(ServerContext* context,
                        grpc::ServerReaderWriter<OutputResponse, OutputRequest>* stream) override {
    echo_metadata(*context);
    for (OutputRequest request; stream->Read(&request);) {
      if (request.response_status().code() != 0) return status_in(request);
      respond(*context, request, *stream);
    }
    return Status::OK;
  }

 private:
  template <class Writer>
  void respond(const ServerContext& context, const OutputRequest& request, Writer& writer) {
    for (const int size : request.response_sizes()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(request.interval_ms()));
      OutputResponse response;
      response.set_payload(std::string(static_cast<std::size_t>(size), '\0'));
      response.set_server(name_);
      if (context.IsCancelled() || !writer.Write(response)) return;
    }
  }

  const std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
  sigset_t stop;  // before any thread is started
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Interop service(argc > 1 ? argv[1] : "server");
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  const std::string address = argc > 2 ? argv[2] : "127.0.0.1:0";
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "ready listen=127.0.0.1:" << port << std::endl;
  int received = 0;
  sigwait(&stop, &received);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
}
