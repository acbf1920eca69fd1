#!/usr/bin/env python3
"""The same server in Python (python3-grpcio), with a health service of its own.

PYTHONPATH names the folder of interop_pb2.py. SIGTERM ends it.
"""

import argparse
import concurrent.futures
import signal
import threading
import time

import grpc
import interop_pb2 as pb

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name")
parser.add_argument("address", nargs="?", default="127.0.0.1:0")
parser.add_argument("--no-health", action="store_true", help="there is no health service")
parser.add_argument("--age", type=int, default=0, metavar="MS", help="of a connection that is told to go away")
parser.add_argument("--streams", type=int, default=0, help="of a connection, at once")
arguments = parser.parse_args()
name = arguments.name


def echo_metadata(context):
    sent = dict(context.invocation_metadata())
    if INITIAL in sent:
        context.send_initial_metadata(((INITIAL, sent[INITIAL]),))
    if TRAILING in sent:
        context.set_trailing_metadata(((TRAILING, sent[TRAILING]),))


def take_status(request, context):
    if request.response_status.code:
        context.set_code(next(c for c in grpc.StatusCode if c.value[0] == request.response_status.code))
        context.set_details(request.response_status.message)


def empty_call(request, context):
    echo_metadata(context)
    return pb.Empty()


def unary_call(request, context):
    echo_metadata(context)
    take_status(request, context)
    return pb.UnaryResponse(payload=bytes(request.response_size), server=name)


def streaming_input_call(requests, context):
    echo_metadata(context)
    return pb.InputResponse(payload_size=sum(len(request.payload) for request in requests))


def respond(request):
    for size in request.response_sizes:
        time.sleep(request.interval_ms / 1000)
        yield pb.OutputResponse(payload=bytes(size), server=name)


def streaming_output_call(request, context):
    echo_metadata(context)
    take_status(request, context)
    yield from respond(request)


def full_duplex_call(requests, context):
    echo_metadata(context)
    for request in requests:
        if request.response_status.code:
            take_status(request, context)
            return
        yield from respond(request)


def handler(make, function, request, response):
    return make(function, request_deserializer=request.FromString,
                response_serializer=response.SerializeToString)


service = grpc.method_handlers_generic_handler("tandem.interop.TestService", {
    "EmptyCall": handler(grpc.unary_unary_rpc_method_handler, empty_call, pb.Empty, pb.Empty),
    "UnaryCall": handler(grpc.unary_unary_rpc_method_handler, unary_call, pb.UnaryRequest, pb.UnaryResponse),
    "StreamingInputCall": handler(grpc.stream_unary_rpc_method_handler, streaming_input_call, pb.InputRequest,
                                  pb.InputResponse),
    "StreamingOutputCall": handler(grpc.unary_stream_rpc_method_handler, streaming_output_call, pb.OutputRequest,
                                   pb.OutputResponse),
    "FullDuplexCall": handler(grpc.stream_stream_rpc_method_handler, full_duplex_call, pb.OutputRequest,
                              pb.OutputResponse),
})
SERVING = b"\x08\x01"  # HealthCheckResponse
health = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
    "Check": grpc.unary_unary_rpc_method_handler(lambda request, context: SERVING),
})

options = [("grpc.so_reuseport", 0)]
if arguments.age:
    options += [("grpc.max_connection_age_ms", arguments.age), ("grpc.max_connection_age_grace_ms", 5000)]
if arguments.streams:
    options += [("grpc.max_concurrent_streams", arguments.streams)]
server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=32), options=options)
server.add_generic_rpc_handlers((service,) if arguments.no_health else (service, health))
port = server.add_insecure_port(arguments.address)
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
server.start()
print(f"ready listen=127.0.0.1:{port}", flush=True)
stopped.wait()
server.stop(2).wait()
