#!/usr/bin/env python3
"""interop_client.py ADDRESS CASE...: calls the test service as gRPC's interoperability tests do (python3-grpcio).

Prints a line for each case, "ok CASE" or "failed CASE: WHY", and ends with 1 if one has failed. Further cases:
spread:N counts who answers N calls on one channel, load:N calls until SIGTERM, each call N times more if need be, and
says what failed, hurried:MS makes calls with
that deadline until SIGTERM and says when so many in a row were good, unavailable:N makes N calls that servers answer
so, watch:N reads a stream of N responses, feed:N writes one of N requests, one each 20 ms, conversation talks in turns
until SIGTERM. PYTHONPATH names the folder of interop_pb2.py. Over TLS by the environment: see channel_to().
"""

import collections
import os
import queue
import signal
import sys
import threading
import time

import grpc
import interop_pb2 as pb

SERVICE = "/tandem.interop.TestService/"
PATIENCE = 20  # seconds
Code = grpc.StatusCode
stopping = threading.Event()


class Stub:
    def __init__(self, channel):
        def method(kind, name, request, response, service=SERVICE):
            return getattr(channel, kind)(service + name, request.SerializeToString, response.FromString)

        self.empty = method("unary_unary", "EmptyCall", pb.Empty, pb.Empty)
        self.unary = method("unary_unary", "UnaryCall", pb.UnaryRequest, pb.UnaryResponse)
        self.input = method("stream_unary", "StreamingInputCall", pb.InputRequest, pb.InputResponse)
        self.output = method("unary_stream", "StreamingOutputCall", pb.OutputRequest, pb.OutputResponse)
        self.duplex = method("stream_stream", "FullDuplexCall", pb.OutputRequest, pb.OutputResponse)
        self.no_method = method("unary_unary", "UnimplementedCall", pb.Empty, pb.Empty)
        self.no_service = method("unary_unary", "UnimplementedCall", pb.Empty, pb.Empty,
                                 "/tandem.interop.UnimplementedService/")


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")


def fails_with(code, call):
    """The error, which must have that code."""
    try:
        call()
    except grpc.RpcError as error:
        if error.code() != code:
            raise AssertionError(f"{error.code()} ({error.details()}) instead of {code}") from error
        return error
    raise AssertionError(f"no error instead of {code}")


class Turns:
    """The requests of a call that talks in turns. They end with the block, however it is left: a thread of gRPC waits
    for the next one, and the end of the program for that thread."""

    def __init__(self):
        self.requests = queue.Queue()

    def say(self, **fields):
        self.requests.put(pb.OutputRequest(**fields))

    def end(self):
        self.requests.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def __iter__(self):
        return self

    def __next__(self):
        request = self.requests.get()
        if request is None:
            raise StopIteration
        return request


def empty_unary(stub):
    equal(stub.empty(pb.Empty(), timeout=PATIENCE), pb.Empty())


def large_unary(stub):
    answer = stub.unary(pb.UnaryRequest(response_size=314159, payload=bytes(271828)), timeout=PATIENCE)
    equal(len(answer.payload), 314159)


def client_streaming(stub):
    requests = (pb.InputRequest(payload=bytes(size)) for size in (27182, 8, 1828, 45904))
    equal(stub.input(requests, timeout=PATIENCE).payload_size, 74922)


def server_streaming(stub):
    sizes = [31415, 9, 2653, 58979]
    answers = stub.output(pb.OutputRequest(response_sizes=sizes), timeout=PATIENCE)
    equal([len(answer.payload) for answer in answers], sizes)


def ping_pong(stub):
    with Turns() as turns:
        answers = stub.duplex(turns, timeout=PATIENCE)
        for wanted, sent in ((31415, 27182), (9, 8), (2653, 1828), (58979, 45904)):
            turns.say(response_sizes=[wanted], payload=bytes(sent))
            equal(len(next(answers).payload), wanted)
        turns.end()
        equal(list(answers), [])


def empty_stream(stub):
    equal(list(stub.duplex(iter(()), timeout=PATIENCE)), [])


def cancel_after_begin(stub):
    with Turns() as turns:
        call = stub.input.future(turns, timeout=PATIENCE)
        call.cancel()
        equal(call.code(), Code.CANCELLED)


def cancel_after_first_response(stub):
    with Turns() as turns:
        answers = stub.duplex(turns, timeout=PATIENCE)
        turns.say(response_sizes=[31415], payload=bytes(27182))
        equal(len(next(answers).payload), 31415)
        answers.cancel()
        fails_with(Code.CANCELLED, lambda: next(answers))


def timeout_on_sleeping_server(stub):
    with Turns() as turns:
        answers = stub.duplex(turns, timeout=0.05)
        turns.say(payload=bytes(27182))
        fails_with(Code.DEADLINE_EXCEEDED, lambda: next(answers))


def status(stub, message):
    wanted = pb.EchoStatus(code=2, message=message)
    error = fails_with(Code.UNKNOWN, lambda: stub.unary(pb.UnaryRequest(response_status=wanted), timeout=PATIENCE))
    equal(error.details(), message)
    with Turns() as turns:
        turns.say(response_status=wanted)
        turns.end()
        error = fails_with(Code.UNKNOWN, lambda: list(stub.duplex(turns, timeout=PATIENCE)))
        equal(error.details(), message)


def status_code_and_message(stub):
    status(stub, "test status message")


def special_status_message(stub):
    status(stub, "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")


def unimplemented_method(stub):
    fails_with(Code.UNIMPLEMENTED, lambda: stub.no_method(pb.Empty(), timeout=PATIENCE))


def service_without_workers(stub):
    error = fails_with(Code.UNAVAILABLE, lambda: stub.no_service(pb.Empty(), timeout=PATIENCE))
    equal(error.details(), 'Service "nobody" has no live worker.')


def custom_metadata(stub):
    initial = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
    trailing = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
    answer, call = stub.unary.with_call(pb.UnaryRequest(response_size=1), timeout=PATIENCE,
                                        metadata=(initial, trailing))
    equal(initial in call.initial_metadata(), True)
    equal(trailing in call.trailing_metadata(), True)
    with Turns() as turns:
        answers = stub.duplex(turns, timeout=PATIENCE, metadata=(initial, trailing))
        turns.say(response_sizes=[1])
        next(answers)
        turns.end()
        equal(list(answers), [])
        equal(initial in answers.initial_metadata(), True)
        equal(trailing in answers.trailing_metadata(), True)


def spread(stub, count):
    calls = [stub.unary.future(pb.UnaryRequest(), timeout=PATIENCE) for _ in range(int(count))]
    by = collections.Counter(call.result().server for call in calls)
    print("spread", " ".join(f"{server}={count}" for server, count in sorted(by.items())), flush=True)


def load(stub, repeats="0"):
    """A call that is UNAVAILABLE is repeated so often by the client, at most."""
    good, bad = 0, []
    while not stopping.is_set():
        for left in range(int(repeats), -1, -1):
            try:
                stub.unary(pb.UnaryRequest(payload=b"x" * 100), timeout=PATIENCE, wait_for_ready=True)
                good += 1
                if good % 100 == 0:
                    print(f"calls good={good}", flush=True)
                break
            except grpc.RpcError as error:
                if left == 0 or error.code() != Code.UNAVAILABLE:
                    bad.append(f"{error.code()} {error.details()}")
                    break
                time.sleep(0.02)
    print(f"load good={good} bad={len(bad)}", flush=True)
    equal(bad[:3], [])


def hurried(stub, milliseconds):
    """The only way in which a call may fail is that its time is over."""
    row, late = 0, 0
    while not stopping.is_set():
        try:
            stub.unary(pb.UnaryRequest(payload=b"x"), timeout=int(milliseconds) / 1000)
            row += 1
            if row % 100 == 0:
                print(f"good in a row={row}", flush=True)
        except grpc.RpcError as error:
            equal(error.code(), Code.DEADLINE_EXCEEDED)
            row, late = 0, late + 1
            print(f"late={late}", flush=True)


def unavailable(stub, count):
    for _ in range(int(count)):
        request = pb.UnaryRequest(response_status=pb.EchoStatus(code=14, message="not now"))
        error = fails_with(Code.UNAVAILABLE, lambda: stub.unary(request, timeout=PATIENCE))
        equal(error.details(), "not now")


def feed(stub, count):
    def requests():
        for number in range(int(count)):
            if number == 1:
                print("feeding", flush=True)
            time.sleep(0.02)
            yield pb.InputRequest(payload=bytes(10))

    equal(stub.input(requests()).payload_size, 10 * int(count))


def bad_authority(stub):
    """What a channel of several addresses says by default is no authority, and the answer says so."""
    with grpc.insecure_channel(sys.argv[1], (("grpc.default_authority", "127.0.0.1:1,127.0.0.1:2"),)) as channel:
        fails_with(Code.INTERNAL, lambda: Stub(channel).empty(pb.Empty(), timeout=PATIENCE))


def watch(stub, count):
    """One response each 20 ms."""
    answers = stub.output(pb.OutputRequest(response_sizes=[1] * int(count), interval_ms=20))
    seen = 0
    try:
        for answer in answers:
            seen += 1
            if seen == 1:
                print(f"watching server={answer.server}", flush=True)
    finally:
        print(f"watched responses={seen}", flush=True)
    equal(seen, int(count))


def conversation(stub):
    with Turns() as turns:
        answers = stub.duplex(turns)
        count = 0
        while not stopping.is_set():
            turns.say(response_sizes=[10], interval_ms=5)
            equal(len(next(answers).payload), 10)
            count += 1
            if count % 20 == 1:
                print(f"talked turns={count}", flush=True)
        turns.end()
        equal(list(answers), [])


def channel_to(target, options):
    """Over TLS where INTEROP_AUTHORITY names who vouches for the server, localhost; with INTEROP_CERTIFICATE, the files
    of a certificate and its key with a comma between, as that client."""
    if "INTEROP_AUTHORITY" not in os.environ:
        return grpc.insecure_channel(target, options)

    def content(name):
        with open(name, "rb") as file:
            return file.read()

    own = os.environ.get("INTEROP_CERTIFICATE")
    certificate, key = map(content, own.split(",")) if own else (None, None)
    credentials = grpc.ssl_channel_credentials(content(os.environ["INTEROP_AUTHORITY"]), key, certificate)
    return grpc.secure_channel(target, credentials, (*options, ("grpc.ssl_target_name_override", "localhost")))


def main():
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    failed = False
    # With several addresses gRPC takes the list of them for the authority, which is none.
    options = (("grpc.default_authority", "interop.test"),) if "," in sys.argv[1] else ()
    with channel_to(sys.argv[1], options) as channel:
        stub = Stub(channel)
        for case in sys.argv[2:]:
            name, _, argument = case.partition(":")
            try:
                globals()[name](stub, *([argument] if argument else []))
                print(f"ok {case}", flush=True)
            except (AssertionError, grpc.RpcError) as error:
                failed = True
                code = f"{error.code()} {error.details()}" if isinstance(error, grpc.RpcError) else error
                print(f"failed {case}: {code}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
