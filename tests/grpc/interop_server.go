// interop-server-go NAME [ADDRESS]: the same server with Go's grpc and its health service. SIGTERM ends it in
// good order.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	initial  = "x-grpc-test-echo-initial"
	trailing = "x-grpc-test-echo-trailing-bin"
)

type server struct {
	*UnimplementedTestServiceServer // its methods need none
	name                            string
}

func echoMetadata(ctx context.Context) {
	sent, _ := metadata.FromIncomingContext(ctx)
	if values := sent.Get(initial); len(values) > 0 {
		grpc.SendHeader(ctx, metadata.Pairs(initial, values[0]))
	}
	if values := sent.Get(trailing); len(values) > 0 {
		grpc.SetTrailer(ctx, metadata.Pairs(trailing, values[0]))
	}
}

func statusOf(wanted *EchoStatus) error {
	if wanted.GetCode() == 0 {
		return nil
	}
	return status.Error(codes.Code(wanted.GetCode()), wanted.GetMessage())
}

func (s server) EmptyCall(ctx context.Context, _ *Empty) (*Empty, error) {
	echoMetadata(ctx)
	return &Empty{}, nil
}

func (s server) UnaryCall(ctx context.Context, request *UnaryRequest) (*UnaryResponse, error) {
	echoMetadata(ctx)
	if err := statusOf(request.ResponseStatus); err != nil {
		return nil, err
	}
	return &UnaryResponse{Payload: make([]byte, request.ResponseSize), Server: s.name}, nil
}

func (s server) StreamingInputCall(stream TestService_StreamingInputCallServer) error {
	echoMetadata(stream.Context())
	size := 0
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&InputResponse{PayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(request.Payload)
	}
}

type responses interface {
	Send(*OutputResponse) error
}

func (s server) respond(to responses, request *OutputRequest) error {
	for _, size := range request.ResponseSizes {
		time.Sleep(time.Duration(request.IntervalMs) * time.Millisecond)
		if err := to.Send(&OutputResponse{Payload: make([]byte, size), Server: s.name}); err != nil {
			return err
		}
	}
	return nil
}

func (s server) StreamingOutputCall(request *OutputRequest, stream TestService_StreamingOutputCallServer) error {
	echoMetadata(stream.Context())
	if err := statusOf(request.ResponseStatus); err != nil {
		return err
	}
	return s.respond(stream, request)
}

func (s server) FullDuplexCall(stream TestService_FullDuplexCallServer) error {
	echoMetadata(stream.Context())
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := statusOf(request.ResponseStatus); err != nil {
			return err
		}
		if err := s.respond(stream, request); err != nil {
			return err
		}
	}
}

func main() {
	address := "127.0.0.1:0"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	calls := grpc.NewServer()
	RegisterTestServiceServer(calls, server{name: os.Args[1]})
	healthpb.RegisterHealthServer(calls, health.NewServer())
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	go func() {
		<-stopped
		calls.GracefulStop()
	}()
	fmt.Printf("ready listen=%s\n", listener.Addr())
	if err := calls.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
