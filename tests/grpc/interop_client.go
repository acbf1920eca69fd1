// interop-client-go ADDRESS CASE...: gRPC's interoperability cases with Go's grpc, as interop_client.py has
// them: a line for each, "ok CASE" or "failed CASE: WHY"; ends with 1 if one has failed. load:N makes calls,
// each N times more if it is UNAVAILABLE, until SIGTERM.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const patience = 20 * time.Second

var stopping = make(chan os.Signal, 1)

type clients struct {
	test  TestServiceClient
	other UnimplementedServiceClient
}

// What a case throws.
type failure string

func check(err error) {
	if err != nil {
		panic(failure(fmt.Sprintf("%v", err)))
	}
}

func equal(found, wanted interface{}) {
	if !reflect.DeepEqual(found, wanted) {
		panic(failure(fmt.Sprintf("%v instead of %v", found, wanted)))
	}
}

func failsWith(err error, code codes.Code) string {
	if status.Code(err) != code {
		panic(failure(fmt.Sprintf("%v instead of %v", err, code)))
	}
	return status.Convert(err).Message()
}

func within(length time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), length)
}

func turn(responseSize int32, payload int) *OutputRequest {
	request := &OutputRequest{Payload: make([]byte, payload)}
	if responseSize > 0 {
		request.ResponseSizes = []int32{responseSize}
	}
	return request
}

func emptyUnary(c clients, ctx context.Context) {
	_, err := c.test.EmptyCall(ctx, &Empty{})
	check(err)
}

func largeUnary(c clients, ctx context.Context) {
	answer, err := c.test.UnaryCall(ctx, &UnaryRequest{ResponseSize: 314159, Payload: make([]byte, 271828)})
	check(err)
	equal(len(answer.Payload), 314159)
}

func clientStreaming(c clients, ctx context.Context) {
	stream, err := c.test.StreamingInputCall(ctx)
	check(err)
	for _, size := range []int{27182, 8, 1828, 45904} {
		check(stream.Send(&InputRequest{Payload: make([]byte, size)}))
	}
	answer, err := stream.CloseAndRecv()
	check(err)
	equal(answer.PayloadSize, int32(74922))
}

func serverStreaming(c clients, ctx context.Context) {
	sizes := []int32{31415, 9, 2653, 58979}
	stream, err := c.test.StreamingOutputCall(ctx, &OutputRequest{ResponseSizes: sizes})
	check(err)
	for _, size := range sizes {
		answer, err := stream.Recv()
		check(err)
		equal(len(answer.Payload), int(size))
	}
	_, err = stream.Recv()
	equal(err, io.EOF)
}

func pingPong(c clients, ctx context.Context) {
	stream, err := c.test.FullDuplexCall(ctx)
	check(err)
	sizes := []int32{31415, 9, 2653, 58979}
	for i, sent := range []int{27182, 8, 1828, 45904} {
		check(stream.Send(turn(sizes[i], sent)))
		answer, err := stream.Recv()
		check(err)
		equal(len(answer.Payload), int(sizes[i]))
	}
	check(stream.CloseSend())
	_, err = stream.Recv()
	equal(err, io.EOF)
}

func emptyStream(c clients, ctx context.Context) {
	stream, err := c.test.FullDuplexCall(ctx)
	check(err)
	check(stream.CloseSend())
	_, err = stream.Recv()
	equal(err, io.EOF)
}

func cancelAfterBegin(c clients, ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.test.StreamingInputCall(ctx)
	check(err)
	cancel()
	_, err = stream.CloseAndRecv()
	failsWith(err, codes.Canceled)
}

func cancelAfterFirstResponse(c clients, ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.test.FullDuplexCall(ctx)
	check(err)
	check(stream.Send(turn(31415, 27182)))
	answer, err := stream.Recv()
	check(err)
	equal(len(answer.Payload), 31415)
	cancel()
	_, err = stream.Recv()
	failsWith(err, codes.Canceled)
}

func timeoutOnSleepingServer(c clients, _ context.Context) {
	ctx, cancel := within(50 * time.Millisecond)
	defer cancel()
	stream, err := c.test.FullDuplexCall(ctx)
	if err == nil {
		stream.Send(turn(0, 27182))
		_, err = stream.Recv()
	}
	failsWith(err, codes.DeadlineExceeded)
}

func customMetadata(c clients, ctx context.Context) {
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	ctx = metadata.AppendToOutgoingContext(ctx, initial, "test_initial_metadata_value", trailing, "\xab\xab\xab")
	verify := func(head, trailer metadata.MD) {
		equal(head.Get(initial), []string{"test_initial_metadata_value"})
		equal(trailer.Get(trailing), []string{"\xab\xab\xab"})
	}
	var head, trailer metadata.MD
	_, err := c.test.UnaryCall(ctx, &UnaryRequest{ResponseSize: 1}, grpc.Header(&head), grpc.Trailer(&trailer))
	check(err)
	verify(head, trailer)
	stream, err := c.test.FullDuplexCall(ctx)
	check(err)
	check(stream.Send(turn(1, 0)))
	_, err = stream.Recv()
	check(err)
	check(stream.CloseSend())
	_, err = stream.Recv()
	equal(err, io.EOF)
	head, err = stream.Header()
	check(err)
	verify(head, stream.Trailer())
}

func statusOf(message string) func(clients, context.Context) {
	return func(c clients, ctx context.Context) {
		wanted := &EchoStatus{Code: 2, Message: message}
		_, err := c.test.UnaryCall(ctx, &UnaryRequest{ResponseStatus: wanted})
		equal(failsWith(err, codes.Unknown), message)
		stream, err := c.test.FullDuplexCall(ctx)
		check(err)
		check(stream.Send(&OutputRequest{ResponseStatus: wanted}))
		check(stream.CloseSend())
		_, err = stream.Recv()
		equal(failsWith(err, codes.Unknown), message)
	}
}

func unimplementedMethod(c clients, ctx context.Context) {
	_, err := c.test.UnimplementedCall(ctx, &Empty{})
	failsWith(err, codes.Unimplemented)
}

func serviceWithoutWorkers(c clients, ctx context.Context) {
	_, err := c.other.UnimplementedCall(ctx, &Empty{})
	equal(failsWith(err, codes.Unavailable), "Service \"nobody\" has no live worker.")
}

func load(c clients, repeats int) {
	good := 0
	var bad []string
	for len(stopping) == 0 {
		for left := repeats; left >= 0; left-- {
			ctx, cancel := within(patience)
			request := &UnaryRequest{Payload: bytes.Repeat([]byte("x"), 100)}
			_, err := c.test.UnaryCall(ctx, request, grpc.WaitForReady(true))
			cancel()
			if err == nil {
				good++
				if good%100 == 0 {
					fmt.Printf("calls good=%d\n", good)
				}
				break
			}
			if left == 0 || status.Code(err) != codes.Unavailable {
				bad = append(bad, err.Error())
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	fmt.Printf("load good=%d bad=%d\n", good, len(bad))
	if len(bad) > 0 {
		panic(failure(strings.Join(bad[:1], "; ")))
	}
}

var cases = map[string]func(clients, context.Context){
	"empty_unary":                 emptyUnary,
	"large_unary":                 largeUnary,
	"client_streaming":            clientStreaming,
	"server_streaming":            serverStreaming,
	"ping_pong":                   pingPong,
	"empty_stream":                emptyStream,
	"cancel_after_begin":          cancelAfterBegin,
	"cancel_after_first_response": cancelAfterFirstResponse,
	"custom_metadata":             customMetadata,
	"timeout_on_sleeping_server":  timeoutOnSleepingServer,
	"unimplemented_method":        unimplementedMethod,
	"status_code_and_message":     statusOf("test status message"),
	"special_status_message":      statusOf("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"),
	"service_without_workers":     serviceWithoutWorkers,
}

// Why it failed; empty: it did not.
func run(c clients, name string) (why string) {
	defer func() {
		if thrown := recover(); thrown != nil {
			why = fmt.Sprintf("%v", thrown)
		}
	}()
	if strings.HasPrefix(name, "load") {
		repeats, _ := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(name, "load"), ":"))
		load(c, repeats)
		return ""
	}
	ctx, cancel := within(patience)
	defer cancel()
	cases[name](c, ctx)
	return ""
}

func main() {
	signal.Notify(stopping, syscall.SIGTERM)
	channel, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer channel.Close()
	c := clients{NewTestServiceClient(channel), NewUnimplementedServiceClient(channel)}
	failed := false
	for _, name := range os.Args[2:] {
		if why := run(c, name); why != "" {
			fmt.Printf("failed %s: %s\n", name, why)
			failed = true
		} else {
			fmt.Printf("ok %s\n", name)
		}
	}
	if failed {
		os.Exit(1)
	}
}
