// etcd_resolver: a gRPC server, and a gRPC client that finds servers by etcd's own resolver.
//
//	etcd_resolver serve             prints its address, and serves grpc.health.v1 there
//	etcd_resolver call ETCD SERVICE calls the service again and again; a line for each twenty calls:
//	                                the addresses that have answered, or an error
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/naming/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

const callsToALine = 20

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	fmt.Println(listener.Addr())
	must(server.Serve(listener))
}

func call(address, service string) {
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{address}})
	must(err)
	builder, err := resolver.NewBuilder(etcd)
	must(err)
	connection, err := grpc.Dial("etcd:///"+service, grpc.WithResolvers(builder), grpc.WithInsecure(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin":{}}]}`))
	must(err)
	client := grpc_health_v1.NewHealthClient(connection)
	for {
		answered := map[string]bool{}
		for i := 0; i < callsToALine; i++ {
			answered[once(client)] = true
		}
		var all []string
		for each := range answered {
			all = append(all, each)
		}
		sort.Strings(all)
		fmt.Println(strings.Join(all, " "))
		time.Sleep(20 * time.Millisecond)
	}
}

func once(client grpc_health_v1.HealthClient) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var from peer.Peer
	_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&from))
	if err != nil {
		return "error: " + err.Error()
	}
	return from.Addr.String()
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "call" {
		call(os.Args[2], os.Args[3])
	} else {
		serve()
	}
}
