// interop-client ADDRESS CASE...: gRPC's interoperability cases with libgrpc++, as
// interop_client.py has them: a line for each, "ok CASE" or "failed CASE: WHY"; ends with 1 if one
// has failed.
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "interop.grpc.pb.h"

namespace {

using namespace tandem::interop;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;

constexpr milliseconds patience{20'000};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Value>
void equal(const Value& found, const Value& wanted) {
  if (found == wanted) return;
  std::ostringstream text;
  text << found << " instead of " << wanted;
  throw Failure(text.str());
}

void ends_with(const Status& status, StatusCode code, const std::string& message = {}) {
  if (status.error_code() != code) {
    throw Failure("status " + std::to_string(status.error_code()) + " (" + status.error_message() +
                  ") instead of " + std::to_string(code));
  }
  if (!message.empty()) equal(status.error_message(), message);
}

std::string zeros(int size) { return std::string(static_cast<std::size_t>(size), '\0'); }

std::unique_ptr<ClientContext> context_for(milliseconds patient = patience) {
  auto context = std::make_unique<ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + patient);
  return context;
}

OutputRequest turn(int response_size, int payload_size) {
  OutputRequest request;
  if (response_size > 0) request.add_response_sizes(response_size);
  request.set_payload(zeros(payload_size));
  return request;
}

using Stub = TestService::Stub;

void empty_unary(Stub& stub) {
  Empty answer;
  const auto context = context_for();
  ends_with(stub.EmptyCall(context.get(), Empty(), &answer), StatusCode::OK);
}

void large_unary(Stub& stub) {
  UnaryRequest request;
  request.set_response_size(314159);
  request.set_payload(zeros(271828));
  UnaryResponse answer;
  const auto context = context_for();
  ends_with(stub.UnaryCall(context.get(), request, &answer), StatusCode::OK);
  equal<std::size_t>(answer.payload().size(), 314159);
}

void client_streaming(Stub& stub) {
  InputResponse answer;
  const auto context = context_for();
  const auto writer = stub.StreamingInputCall(context.get(), &answer);
  for (const int size : {27182, 8, 1828, 45904}) {
    InputRequest request;
    request.set_payload(zeros(size));
    if (!writer->Write(request)) throw Failure("a write failed");
  }
  writer->WritesDone();
  ends_with(writer->Finish(), StatusCode::OK);
  equal(answer.payload_size(), 74922);
}

void server_streaming(Stub& stub) {
  OutputRequest request;
  const std::vector<int> sizes{31415, 9, 2653, 58979};
  for (const int size : sizes) request.add_response_sizes(size);
  const auto context = context_for();
  const auto reader = stub.StreamingOutputCall(context.get(), request);
  std::size_t seen = 0;
  for (OutputResponse answer; reader->Read(&answer); ++seen) {
    equal(static_cast<int>(answer.payload().size()), sizes.at(seen));
  }
  ends_with(reader->Finish(), StatusCode::OK);
  equal(seen, sizes.size());
}

void ping_pong(Stub& stub) {
  const auto context = context_for();
  const auto stream = stub.FullDuplexCall(context.get());
  OutputResponse answer;
  const std::vector<std::pair<int, int>> turns{
      {31415, 27182}, {9, 8}, {2653, 1828}, {58979, 45904}};
  for (const auto& [response, payload] : turns) {
    if (!stream->Write(turn(response, payload))) throw Failure("a write failed");
    if (!stream->Read(&answer)) throw Failure("no response");
    equal(static_cast<int>(answer.payload().size()), response);
  }
  stream->WritesDone();
  equal(stream->Read(&answer), false);
  ends_with(stream->Finish(), StatusCode::OK);
}

void empty_stream(Stub& stub) {
  const auto context = context_for();
  const auto stream = stub.FullDuplexCall(context.get());
  stream->WritesDone();
  OutputResponse answer;
  equal(stream->Read(&answer), false);
  ends_with(stream->Finish(), StatusCode::OK);
}

void cancel_after_begin(Stub& stub) {
  InputResponse answer;
  const auto context = context_for();
  const auto writer = stub.StreamingInputCall(context.get(), &answer);
  context->TryCancel();
  ends_with(writer->Finish(), StatusCode::CANCELLED);
}

void cancel_after_first_response(Stub& stub) {
  const auto context = context_for();
  const auto stream = stub.FullDuplexCall(context.get());
  OutputResponse answer;
  if (!stream->Write(turn(31415, 27182)) || !stream->Read(&answer)) throw Failure("no response");
  context->TryCancel();
  ends_with(stream->Finish(), StatusCode::CANCELLED);
}

void timeout_on_sleeping_server(Stub& stub) {
  const auto context = context_for(milliseconds(50));
  const auto stream = stub.FullDuplexCall(context.get());
  stream->Write(turn(0, 27182));
  OutputResponse answer;
  equal(stream->Read(&answer), false);
  ends_with(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
}

void check_status(Stub& stub, const std::string& message) {
  UnaryRequest request;
  request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
  request.mutable_response_status()->set_message(message);
  UnaryResponse answer;
  auto context = context_for();
  ends_with(stub.UnaryCall(context.get(), request, &answer), StatusCode::UNKNOWN, message);
  context = context_for();
  const auto stream = stub.FullDuplexCall(context.get());
  OutputRequest wanted;
  *wanted.mutable_response_status() = request.response_status();
  stream->Write(wanted);
  stream->WritesDone();
  OutputResponse none;
  equal(stream->Read(&none), false);
  ends_with(stream->Finish(), StatusCode::UNKNOWN, message);
}

void status_code_and_message(Stub& stub) { check_status(stub, "test status message"); }

void special_status_message(Stub& stub) {
  check_status(stub,
               "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n");
}

void unimplemented_method(Stub& stub) {
  Empty answer;
  const auto context = context_for();
  ends_with(stub.UnimplementedCall(context.get(), Empty(), &answer), StatusCode::UNIMPLEMENTED);
}

void check_metadata(const ClientContext& context, const std::string& initial,
                    const std::string& trailing) {
  const auto value = [](const auto& fields, const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string("none")
                                 : std::string(found->second.data(), found->second.size());
  };
  equal(value(context.GetServerInitialMetadata(), "x-grpc-test-echo-initial"), initial);
  equal(value(context.GetServerTrailingMetadata(), "x-grpc-test-echo-trailing-bin"), trailing);
}

void custom_metadata(Stub& stub) {
  const std::string initial = "test_initial_metadata_value";
  const std::string trailing = "\xab\xab\xab";
  const auto context_with = [&] {
    auto context = context_for();
    context->AddMetadata("x-grpc-test-echo-initial", initial);
    context->AddMetadata("x-grpc-test-echo-trailing-bin", trailing);
    return context;
  };
  UnaryResponse answer;
  auto context = context_with();
  ends_with(stub.UnaryCall(context.get(), UnaryRequest(), &answer), StatusCode::OK);
  check_metadata(*context, initial, trailing);
  context = context_with();
  const auto stream = stub.FullDuplexCall(context.get());
  OutputResponse part;
  if (!stream->Write(turn(1, 1)) || !stream->Read(&part)) throw Failure("no response");
  stream->WritesDone();
  equal(stream->Read(&part), false);
  ends_with(stream->Finish(), StatusCode::OK);
  check_metadata(*context, initial, trailing);
}

const std::map<std::string, void (*)(Stub&)> cases{
    {"empty_unary", empty_unary},
    {"large_unary", large_unary},
    {"client_streaming", client_streaming},
    {"server_streaming", server_streaming},
    {"ping_pong", ping_pong},
    {"empty_stream", empty_stream},
    {"cancel_after_begin", cancel_after_begin},
    {"cancel_after_first_response", cancel_after_first_response},
    {"timeout_on_sleeping_server", timeout_on_sleeping_server},
    {"status_code_and_message", status_code_and_message},
    {"special_status_message", special_status_message},
    {"unimplemented_method", unimplemented_method},
    {"custom_metadata", custom_metadata},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto stub =
      TestService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  bool failed = false;
  for (int i = 2; i < argc; ++i) {
    try {
      cases.at(argv[i])(*stub);
      std::cout << "ok " << argv[i] << std::endl;
    } catch (const std::exception& error) {
      failed = true;
      std::cout << "failed " << argv[i] << ": " << error.what() << std::endl;
    }
  }
  return failed ? 1 : 0;
}
